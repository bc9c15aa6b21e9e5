"""Methods that ask a teacher, at the adversarial image (`hat`) or at the clean one (`rslad`)."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

import robustdial as rd
from robustdial import record
from robustdial.cli.main import run
from robustdial.data import Batch
from robustdial.method.game import Game
from robustdial.method.objective import AT, TRADES, Distilled, Helped, SelfTraining, Smoothed, asks_teacher
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.recipes import RECIPES
from robustdial.training import TrainState, fit

SIZE = ["--data", "digits", "--model-width", "4", "--limit", "200", "--batch", "32", "--epochs", "1", "--eps", "0.1"]
SPENT = {"hat": 11 + 3, "rslad": 10 + 2}
"""Images forwarded for each image: ten steps, what is learned from, and the target of the divergence."""


def quarters(x):
    return 9 * F.adaptive_avg_pool2d(x, 2).flatten(1)


def opened(objective, dials=None, teacher=quarters):
    dials = dials or rd.Fixed()
    torch.manual_seed(0)
    plain = build("cnn", classes=4, shape=(1, 8, 8), mean=(0.5,), std=(0.5,), width=4)
    model = dials.put_on(plain, example=torch.rand(2, 1, 8, 8)).train()
    x, y = torch.rand(12, 1, 8, 8), torch.arange(12) % 4
    seat = dials.seats(model, model, x)[0]
    game = Game(model, seat, Batch(x, y), Linf(0.3), objective, teacher=teacher)
    return game.open().at(game.noise(1.0))


def test_helpers_lie_beyond_the_adversary_and_have_the_teachers_label_there():
    point = opened(Helped(TRADES(2.5), 0.5, 2.0))
    x, z = point.game.batch.x, point.z
    labels = quarters(x + z).argmax(1)
    assert (labels != quarters(x).argmax(1)).any() and (labels != quarters(x + 2 * z).argmax(1)).any()
    point.game.model.eval()
    expected = TRADES(2.5).learn(point) + 0.5 * F.cross_entropy(point.game.model(x + 2 * z), labels, reduction="none")
    torch.testing.assert_close(Helped(TRADES(2.5), 0.5, 2.0).learn(point), expected)


def test_on_a_dial_lambda_weighs_the_helpers_and_the_accurate_end_has_none():
    point = opened(Helped(TRADES()), rd.Dials((0.0, 0.5, 1.0)))
    point.game.model.eval()
    more = Helped(TRADES(), 1.0).learn(point) - TRADES().learn(point)
    helper = point.at(2 * point.z)
    expected = point.lam[-len(point.z) :] * F.cross_entropy(
        helper.adv, point.teacher_adv_probs.argmax(1), reduction="none"
    )
    torch.testing.assert_close(more, torch.cat([torch.zeros(len(more) - len(expected)), expected]))
    assert (point.lam == 0).any()


def test_without_an_adversary_the_teacher_is_not_asked_there():
    seen = []
    point = opened(Helped(TRADES()), rd.Dials((0.0,)), lambda x: (seen.append(len(x)), quarters(x))[1])
    assert torch.equal(Helped(TRADES()).learn(point), TRADES().learn(point))
    assert 0 not in seen


@pytest.mark.parametrize(
    ("objective", "asks"),
    [
        (AT(), False),
        (Smoothed(TRADES(), 0.1), False),
        (Helped(AT()), True),
        (Smoothed(Helped(AT()), 0.1), True),
        (Distilled(AT()), True),
        (SelfTraining(rd.RSLAD()), True),
    ],
)
def test_who_asks_a_teacher_is_known(objective, asks):
    assert asks_teacher(objective) is asks
    assert replace(rd.pgd_at(), objective=objective).asks_teacher is asks


@pytest.mark.parametrize("name", SPENT)
def test_they_cost_what_they_say(name):
    method, data = RECIPES[name](eps=0.1), rd.load("digits", limit=60)
    model = build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=4)
    state = TrainState.new(model, seed=3)
    state.teacher = lambda x: x.flatten(1)[:, 27:37]
    (epoch,) = fit(state, data, method, epochs=1, batch=18)
    assert epoch["spent"] == pytest.approx(SPENT[name])


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught") / "standard"
    assert run(["train", "clean", *SIZE, "--out", str(folder)]) == 0
    return str(folder)


@pytest.mark.parametrize("name", SPENT)
def test_a_command_trains_them_with_a_teacher_and_says_so_without(name, teacher, tmp_path, capsys):
    words = ["train", name, *SIZE, "--steps", "1"]
    assert run([*words, "--out", str(tmp_path / "none")]) == 2
    said = capsys.readouterr().err
    assert "learns from a teacher. --first 40" in said and said.count("\n") == 1
    assert not (tmp_path / "none").exists()
    assert run([*words, "--teacher", teacher, "--out", str(tmp_path / "x")]) == 0
    about = record.read_run(tmp_path / "x")
    assert about["teacher"] == record.fingerprint(rd.open_model(teacher).state_dict())
    assert about["run"]["distil"] == 0


def test_the_first_part_of_a_run_is_its_teacher_and_has_no_share_of_the_labels(tmp_path):
    assert run(["train", "hat", *SIZE, "--steps", "1", "--first", "1", "--out", str(tmp_path / "x")]) == 0
    settings = record.read_run(tmp_path / "x")["run"]
    assert settings["teacher"] == settings["start"] == str(tmp_path / "x-first")
    assert settings["distil"] == 0


def test_a_loop_of_ones_own_with_a_teacher_of_ones_own_is_measured_without_it(tmp_path, capsys):
    data, folder = rd.load("digits", limit=60), tmp_path / "mine"
    method = rd.rslad(eps=0.1, steps=1)
    state = TrainState.new(build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=4))
    state.teacher = lambda x: x.flatten(1)[:, 27:37]
    with rd.writing(folder, method, data, state, model="cnn", model_width=4, limit=60) as written:
        for epoch in fit(state, data, method, epochs=1, batch=18):
            written.add(epoch)
    assert run(["frontier", str(folder), "--n", "10", "--attack", "pgd-1"]) == 0, capsys.readouterr().err
