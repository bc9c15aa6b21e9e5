"""Without a terminal a command speaks in lines; the numbers of an epoch also go where they are asked for."""

import sys
from types import SimpleNamespace

import pytest

from robustdial import record
from robustdial.cli import log_lines, main
from robustdial.cli.bars import counting
from robustdial.cli.log_lines import Lines
from robustdial.cli.terminal import console

TRAIN = "train oat --epochs 2 --limit 120 --model-width 2 --steps 1 --lambdas 0,1 --batch 64"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "x"
    with console.capture() as told:
        assert main.run([*TRAIN.split(), "--out", str(out)]) == 0
    return out, told.get()


def test_a_training_tells_each_epoch(run):
    folder, told = run
    lines = [line for line in told.splitlines() if line.startswith("epoch ")]
    assert [line.partition(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    for line, epoch in zip(lines, record.read_epochs(folder), strict=True):
        assert f"loss {epoch['loss']:.3f}" in line
        assert "validation lambda 0 " in line and "so far" in line
    assert "left" in lines[0] and "left" not in lines[1]
    assert told.splitlines()[-1] == f"next: robustdial frontier {folder}"
    assert "validation included" in told.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "attacked"),
    [
        ("clean --epochs 2", [False, False]),
        ("radial --epochs 2 --steps 1 --warm 0.5 --lambdas 0,1", [False, True]),
        ("radial-nfgsm --epochs 2 --warm 0.5 --lambdas 0,1", [False, True]),
        ("pgd-at --epochs 1 --steps 1", [True]),
    ],
)
def test_images_that_nobody_moved_are_called_clean(tmp_path, words, attacked):
    with console.capture() as told:
        assert main.run(f"train {words} --limit 120 --model-width 2 --out {tmp_path / 'x'}".split()) == 0
    epochs = record.read_epochs(tmp_path / "x")
    assert [epoch["adv"] is not None for epoch in epochs] == attacked
    assert all(epoch["clean"] is not None for epoch, moved in zip(epochs, attacked, strict=True) if not moved)
    (line,) = [line for line in told.get().splitlines() if line.startswith("next: ")]
    assert ("robustdial evaluate " in line) == ("lambdas" not in words)
    assert told.get().count(", adversarial ") == sum(attacked)
    assert told.get().count(", clean ") >= len(attacked) - sum(attacked)


def test_a_long_epoch_tells_every_minute(tmp_path, monkeypatch):
    monkeypatch.setattr(log_lines, "MINUTE", 0.0)
    with console.capture() as told:
        assert main.run([*TRAIN.split(), "--epochs=1", "--batch=32", "--out", str(tmp_path / "x")]) == 0
    assert "epoch 1/1, batch 1 of 3: loss " in told.get()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("frontier {} --n 20 --attack pgd-1", "lambda 1, width 1: clean "),
        ("evaluate {} --n 20 --attack pgd-1 --lam 1", "pgd-1: "),
        ("choose {} --n 10 --attack pgd-1 --clean-min 0.01 --refine 0", "measuring: 1 of 2"),
        ("cross {} --n 10 --attack pgd-1", "crossing: "),
    ],
)
def test_every_command_tells_its_cost_and_its_steps(run, words, line):
    with console.capture() as told:
        assert main.run(words.format(run[0]).split()) in (0, 1)
    before, found, _ = told.get().partition(line)
    assert found and "cost: " in before and "on this machine" in before


def test_a_comparison_tells_each_epoch_of_each_run(tmp_path):
    words = "compare clean fgsm --epochs 1 --limit 120 --model-width 2 --batch 64 --n 10 --attack pgd-1 --out"
    with console.capture() as told:
        assert main.run([*words.split(), str(tmp_path / "c")]) == 0
    assert "cost: about " in told.get()
    for label in ("clean", "fgsm"):
        assert f"{label}, seed 0, epoch 1 (loss " in told.get() and f"{label}, seed 0: measuring" in told.get()


def test_many_things_are_told_once_a_minute_and_at_the_end(capsys):
    bar = Lines(console)
    task = bar.add_task("asking", total=3)
    for _ in range(3):
        bar.advance(task)
    assert capsys.readouterr().out.startswith("asking: 3 of 3; ")


def test_what_was_done_before_says_nothing_of_the_time_that_is_left(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(log_lines.time, "monotonic", lambda: now[0])
    counted, staged = counting("counted", 100, each=True, done=90), Lines(console, each=True)
    stage = staged.add_task("staged", start=False)
    for bar, task in ((counted, counted.task_ids[0]), (staged, stage)):
        now[0] = 0.0
        bar.start_task(task)
        bar.update(task, completed=90, total=100)  # of a stage that goes on, this is told with its first batch
        now[0] = 10.0
        bar.update(task, completed=95)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("counted: 95 of 100; 10.0 s so far, about 10.0 s left")
    assert last.startswith("staged: 95 of 100; 10.0 s so far, about 10.0 s left")


class Fake:
    """A package that takes numbers down."""

    def __init__(self):
        self.epochs, self.closed = [], 0

    def log(self, numbers, step):
        self.epochs.append((step, numbers))

    log_metrics = log

    def add_scalar(self, name, value, step):
        if not self.epochs or self.epochs[-1][0] != step:
            self.epochs.append((step, {}))
        self.epochs[-1][1][name] = value

    def flush(self):
        pass

    def finish(self):
        self.closed += 1

    close = end_run = finish

    def init(self, **_):
        return self

    set_experiment = start_run = log_params = lambda *_, **__: None


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_the_numbers_go_to_a_log_too(name, tmp_path, monkeypatch):
    fake = Fake()
    monkeypatch.setitem(sys.modules, name, fake)
    if name == "tensorboard":
        writer = SimpleNamespace(SummaryWriter=lambda *_, **__: fake)
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", writer)
    assert main.run([*TRAIN.split(), "--out", str(tmp_path / "x"), "--log", name]) == 0
    epochs = record.read_epochs(tmp_path / "x")
    assert [(step, numbers["loss"]) for step, numbers in fake.epochs] == [(e["epoch"], e["loss"]) for e in epochs]
    assert fake.epochs[-1][1]["val/robust/lambda 1"] == epochs[-1]["val"][1]["robust"]
    assert fake.closed == 1


@pytest.mark.parametrize("name", ["tensorboard", "nothing"])
def test_a_log_that_is_not_there_is_one_line(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert main.run([*TRAIN.split(), "--out", str(tmp_path / "x"), "--log", name]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and ("pip install tensorboard" in told or "all of them" in told)
    assert not (tmp_path / "x").exists()
