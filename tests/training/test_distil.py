"""A teacher has a say in the labels: what is learned, and that a run keeps its teacher."""

import json
import shutil

import pytest
import torch
from torch.nn import functional as F

from robustdial import record
from robustdial.cli.main import run
from robustdial.data import Batch
from robustdial.dial import Fixed
from robustdial.method.game import Game
from robustdial.method.objective import AT, MART, TRADES, Distilled
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.run import Run, open_model, resume, start
from robustdial.run.training_loop import training_loop
from robustdial.training.checkpoint import pack

SMALL = {"data": "digits", "model": "cnn", "model_width": 4, "limit": 200, "batch": 32}
LESSON = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()


def teacher(x):
    return LESSON.expand(len(x), 4)


def opened(objective, asked=teacher):
    torch.manual_seed(0)
    model = build("cnn", classes=4, shape=(1, 8, 8), mean=(0.5,), std=(0.5,), width=4).train()
    x, y = torch.rand(6, 1, 8, 8), torch.arange(6) % 4
    (seat,) = Fixed().seats(model, model, x)
    return Game(model, seat, Batch(x, y), Linf(0.1), objective, teacher=asked).open().at(torch.full_like(x, 0.05))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_weights_learn_from_a_mixture_and_the_adversary_from_the_label(share):
    point = opened(Distilled(AT(), share))
    labels = (1 - share) * F.one_hot(point.y, 4) + share * LESSON.exp()
    learn, attack = Distilled(AT(), share).learn(point), Distilled(AT(), share).attack(point)
    torch.testing.assert_close(learn, F.cross_entropy(point.adv, labels, reduction="none"))
    torch.testing.assert_close(attack, F.cross_entropy(point.adv, point.y, reduction="none"))


@pytest.mark.parametrize("objective", [AT(), TRADES(), MART()])
def test_a_teacher_without_a_share_changes_nothing(objective):
    point = opened(objective)
    torch.testing.assert_close(Distilled(objective, 0.0).learn(point), objective.learn(point))


def test_the_teacher_sees_clean_images_once_and_gets_no_gradient():
    seen = []

    def watched(x):
        seen.append(x)
        return teacher(x) + 0 * x.sum()

    point = opened(Distilled(AT()), watched)
    weights = [w for w in point.game.model.parameters() if w.requires_grad]
    Distilled(AT()).learn(point).sum().backward()
    Distilled(AT()).learn(point.at(point.z))
    assert [torch.equal(x, point.game.batch.x) for x in seen] == [True]
    assert all(w.grad is not None for w in weights)
    assert not point.teacher_probs.requires_grad


def test_a_teacher_that_fails_is_not_passed_over():
    point = opened(AT(), lambda x: x.logits)  # no tensor has such
    with pytest.raises(RuntimeError, match="no attribute 'logits'"):
        Distilled(AT(), 0.5).learn(point)


def test_without_a_teacher_the_remedy_is_named():
    with pytest.raises(ValueError, match=r"state\.teacher"):
        Distilled(AT()).learn(opened(Distilled(AT()), None))


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The folder of a teacher, and that of a run of two epochs that was stopped in its first."""
    folder = tmp_path_factory.mktemp("distil")
    list(training_loop(start("clean", {}, Run(**SMALL, epochs=1, out=str(folder / "teacher")))))
    for name in ("whole", "stopped"):
        settings = Run(**SMALL, epochs=2, teacher=str(folder / "teacher"), distil=0.5, out=str(folder / name))
        experiment = start("oat", {"eps": 0.1, "steps": 1, "lambdas": (0.0, 1.0)}, settings)
        for step in training_loop(experiment):
            if name == "stopped" and step.batch == 3:
                experiment.save()
                break
    return folder


def test_a_run_that_was_stopped_ends_with_the_same_bits(taught, tmp_path):
    folder = shutil.copytree(taught / "stopped", tmp_path / "again")
    again = resume(folder)
    list(training_loop(again))
    tensors, _ = pack(again.state)
    whole, _ = record.read_tensors(taught / "whole" / record.LAST)
    assert all(torch.equal(value, whole[name]) for name, value in tensors.items() if name.startswith("model."))


def test_a_run_says_who_taught_it_and_goes_on_with_no_other(taught, tmp_path, capsys):
    about = record.read_run(taught / "whole")
    assert about["teacher"] == record.fingerprint(open_model(taught / "teacher").state_dict())
    assert about["method"]["objective"]["type"] == "Distilled"
    folder = shutil.copytree(taught / "stopped", tmp_path / "again")
    about = json.loads((folder / record.RUN).read_text())
    (folder / record.RUN).write_text(json.dumps(about | {"teacher": "another"}))
    assert run(["train", "oat", "--resume", "--out", str(folder)]) == 2
    assert "has changed" in capsys.readouterr().err


def test_the_trained_network_can_be_served_without_its_teacher(taught):
    assert open_model(taught / "whole").at(1.0)(torch.rand(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("flags", "remedy"),
    [
        (["--distil", "0.5"], "--teacher"),
        (["--teacher", "x"], "asks no teacher"),
        (["--distil", "1.5", "--teacher", "x"], "share"),
        (["--distil", "0.5", "--teacher", "nowhere"], "nowhere"),
        (["--distil", "0.5", "--teacher", "x", "--label-smoothing", "0.1"], "one of them"),
    ],
)
def test_what_cannot_teach_is_refused(flags, remedy, tmp_path, capsys):
    words = ["train", "pgd-at", "--data", "digits", "--limit", "100", "--out", str(tmp_path / "r"), *flags]
    assert run(words) == 2
    said = capsys.readouterr().err
    assert remedy in said
    assert said.count("\n") == 1
    assert not (tmp_path / "r").exists()
