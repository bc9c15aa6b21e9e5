"""Whether a run is compiled is found out when it begins, and stays so."""

import re

import pytest
import torch

from robustdial.cli import main
from robustdial.run import Run, compiling, resume, start
from robustdial.run.estimate import Trial

pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler

RUN = {"limit": 60, "batch": 16, "epochs": 2, "model_width": 4, "compile": "auto"}


@pytest.fixture
def tried(monkeypatch):
    """`tried(eager, compiled)`: the seconds that a batch takes; nothing is compiled, which takes next to no time."""
    compile = torch.compile
    torch.compiler.reset()

    def take(eager, compiled, backend="eager"):
        monkeypatch.setattr(torch, "compile", lambda model, **how: compile(model, backend=backend, **how))
        monkeypatch.setattr(
            compiling, "trial", lambda one, *_: Trial(0.0, eager if one.forward.compiled is None else compiled)
        )

    return take


def broken(graph, inputs):
    raise OSError("no compiler is there")


@pytest.mark.parametrize(
    ("seconds", "settings", "yes", "why"),
    [
        ((2000.0, 1500.0), {}, True, r"a batch takes 0\.75 of its time, which saves 50\.0 min of 200\.0 min, for "),
        ((2000.0, 2100.0), {}, False, r"a batch takes 1\.05 of its time, which does not repay the "),
        ((0.1, 0.01), {}, False, r"0\.0 min of training are too few to repay it$"),
        ((2000.0, 1500.0), {"model": "resnet18", "grad_checkpointing": True}, False, "^not together with --grad-ch"),
        ((2000.0, 1500.0, broken), {}, False, "^torch.compile fails on cnn: no compiler is there$"),
    ],
)
def test_it_is_compiled_if_that_repays_itself(seconds, settings, yes, why, tried, tmp_path):
    tried(*seconds)
    experiment = start("pgd-at", {"steps": 1}, Run(**RUN | settings, out=str(tmp_path / "run")))
    found = experiment.about["compiled"]
    assert found["yes"] is yes is experiment.run.compile
    assert re.search(why, found["why"])


def test_a_resumed_run_stays_as_it_was(tried, tmp_path):
    tried(2000.0, 1500.0)
    start("pgd-at", {"steps": 1}, Run(**RUN, out=str(tmp_path / "run")))
    tried(2000.0, 9000.0)
    assert resume(tmp_path / "run").state.forward.compiled is not None


def test_a_short_run_says_why_and_has_the_numbers_of_one_that_was_not_asked(tmp_path, capsys):
    lines = []
    small = ["--data", "digits", "--limit", "60", "--model-width", "4", "--epochs", "1", "--steps", "1"]
    for asked in ([], ["--compile", "auto"]):
        folder = tmp_path / str(len(lines))
        assert main.run(["train", "pgd-at", *small, *asked, "--out", str(folder)]) == 0
        lines.append((folder / "epochs.jsonl").read_text().split('"seconds"')[0])
    assert lines[0] == lines[1]
    assert "compile: no, 0.0 min of training are too few to repay it" in capsys.readouterr().out
    assert main.run(["train", "pgd-at", "--resume", "--compile", "auto", "--out", str(folder)]) == 0
