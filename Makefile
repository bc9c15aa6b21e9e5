# make demo: train a dial on handwritten digits and show its trade-off. make test: run every test.
# make processors: run what depends on rounding under each instruction set of this machine.
# make interop: run other attack libraries on a dial, in an environment of their own.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check processors interop clean

demo: .venv/installed
	$(BIN)/robustdial demo

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

processors: .venv/installed-dev
	$(BIN)/python tests/processors.py

interop: .venv-interop/installed
	.venv-interop/bin/python -m pytest tests/interop

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

# torchattacks pins an old version of requests, which it needs for downloads alone: it comes without what it asks for
.venv-interop/installed: pyproject.toml
	$(PYTHON) -m venv .venv-interop
	.venv-interop/bin/python -m pip install --quiet -e . pytest foolbox adversarial-robustness-toolbox
	.venv-interop/bin/python -m pip install --quiet --no-deps torchattacks
	touch $@

clean:
	rm -rf .venv .venv-interop build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
