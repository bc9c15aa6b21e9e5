# make demo: train a dial on drawn shapes and show its trade-off. make test: run every test.
# make docs: build the site into build/site. make package: build wheel and sdist, install each anew, run the demo.
# make processors: run what depends on rounding under each instruction set of this machine.
# make interop: run other attack libraries on a dial, in an environment of their own.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet
QUIET_MKDOCS := NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true

.PHONY: demo test check processors docs package interop clean

demo: .venv/installed
	$(BIN)/robustdial demo

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: .venv/installed-dev
	$(QUIET_MKDOCS) $(BIN)/mkdocs build --strict

package: .venv/installed-dev
	rm -rf build/dist build/try-*
	$(BIN)/python -m build --outdir build/dist
	$(BIN)/python -m twine check --strict build/dist/*
	for file in build/dist/*; do \
	  $(PYTHON) -m venv build/try-$${file##*.} && \
	  build/try-$${file##*.}/bin/python -m pip install --quiet $$file && \
	  (cd build && try-$${file##*.}/bin/robustdial demo --out try-$${file##*.}/demo) || exit 1; \
	done

processors: .venv/installed-dev
	$(BIN)/python tests/processors.py

interop: .venv-interop/installed
	.venv-interop/bin/python -m pytest tests/interop

.venv/made:
	$(PYTHON) -m venv .venv
	$(INSTALL) --upgrade pip
	touch $@

.venv/installed: .venv/made pyproject.toml
	$(INSTALL) -e .
	touch $@

.venv/installed-dev: .venv/made pyproject.toml
	$(INSTALL) -e '.[dev,docs]'
	touch .venv/installed $@

# torchattacks pins an old version of requests, which it needs for downloads alone: it comes without what it asks for
.venv-interop/installed: pyproject.toml
	$(PYTHON) -m venv .venv-interop
	.venv-interop/bin/python -m pip install --quiet -e . pytest foolbox adversarial-robustness-toolbox
	.venv-interop/bin/python -m pip install --quiet --no-deps torchattacks
	touch $@

clean:
	rm -rf .venv .venv-interop build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
