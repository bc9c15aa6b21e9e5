"""Adversaries in the latent space of a generator: closed forms on a linear one, and what training does with them."""

import json
import shutil

import pytest
import torch

from robustdial import build
from robustdial.attack import PGDAttack
from robustdial.data import Batch, load
from robustdial.dial import Dials, Fixed
from robustdial.generator import GeneratorRun, open_generator, start_generator
from robustdial.method import describe
from robustdial.method.game import Game
from robustdial.method.objective import AT, Blend, Targeted
from robustdial.method.objective.targeted import targets
from robustdial.method.threat import Latent
from robustdial.recipes import gat, gat_oat
from robustdial.run import Run, resume, start
from robustdial.training.engine import TrainState, fit

BASIS = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0.5, 0.5]])


class Linear:
    """Images of 2x2: parts `a` of two numbers and `b` of one, times a fixed basis; it knows nothing of the image."""

    levels = ("a", "b")

    def encode(self, x):
        return {"a": x.new_full((len(x), 2), 0.1), "b": x.new_zeros(len(x), 1)}

    def decode(self, latents):
        code = torch.cat([latents["a"], latents["b"]], dim=1)
        return (code @ BASIS.to(code)).reshape(-1, 1, 2, 2)


WEIGHTS = torch.tensor([[0.3, -0.2, 0.5, 0.1], [0.0, 0.0, 0.0, 0.0]])


def f(x):
    return x.flatten(1) @ WEIGHTS.T


X = torch.full((3, 1, 2, 2), 0.5)


def test_the_worst_change_of_a_linear_generator_is_known():
    """The loss rises against the sign of the basis times the weights: by the whole bound of each number."""
    adv = PGDAttack(10)(f, X, torch.zeros(3, dtype=torch.int64), Latent(Linear(), {"a": 0.2, "b": 0.4}))
    change = torch.tensor([-0.2, 0.2, -0.2, -0.2]).reshape(1, 1, 2, 2)
    torch.testing.assert_close(adv, X + change)


def test_levels_left_out_stay_as_they_are():
    adv = PGDAttack(10)(f, X, torch.zeros(3, dtype=torch.int64), Latent(Linear(), {"b": 0.4}))
    torch.testing.assert_close(adv[:, :, 0], X[:, :, 0])
    assert (adv[:, :, 1] < 0.35).all()


def test_a_signed_step_moves_each_level_by_its_share_of_its_bound():
    threat = Latent(Linear(), {"a": 0.2, "b": 0.4}).around(X)
    z = threat.ascend(torch.zeros(3, 3), torch.tensor([[1.0, -3.0, 0.1]]).expand(3, 3), 0.5)
    change = torch.tensor([0.1, -0.1, 0.1, 0.1]).reshape(1, 1, 2, 2)
    torch.testing.assert_close(threat.apply(X, z), X + change)


def test_images_are_cut_to_their_range_and_each_row_has_its_reach():
    threat, x = Latent(Linear(), {"a": 0.8}), torch.full((2, 1, 2, 2), 0.5)
    z = threat.project(torch.ones(2, 2), x, torch.tensor([0.0, 1.0]))
    adv = threat.apply(x, z)
    torch.testing.assert_close(adv[0], x[0])
    torch.testing.assert_close(adv[1, 0], torch.tensor([[1.0, 1.0], [0.5, 0.5]]))


class Counting(Linear):
    """Tells how often it was asked for a code."""

    def __init__(self):
        self.asked = 0

    def encode(self, x):
        self.asked += 1
        return super().encode(x)


def test_an_attack_encodes_a_batch_once():
    generator = Counting()
    PGDAttack(10)(f, X, torch.zeros(3, dtype=torch.int64), Latent(generator, {"a": 0.1}))
    assert generator.asked <= 2  # for the ascent, and for the images it answers with


@pytest.mark.parametrize(
    ("bounds", "told"),
    [({}, "may change no level"), ({"a": 0.0}, "leaves no room"), ({"c": 1.0}, "no level 'c'. Its levels are a, b")],
)
def test_bounds_that_make_no_sense_are_refused(bounds, told):
    with pytest.raises(ValueError, match=told):
        Latent(Linear(), bounds).around(X)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"levels": ("fine", "nose")}, "no level 'nose'"),
        ({"bounds": (1.0, 2.0, 3.0)}, "3 bounds for 2 levels"),
        ({"bounds": (0.0,)}, "leaves no room"),
        ({"levels": ()}, "may change no level"),
    ],
)
def test_the_recipe_refuses_what_makes_no_sense(knobs, told):
    with pytest.raises(ValueError, match=told):
        gat(**knobs)


def test_a_recipe_is_json_and_asks_for_the_generator_when_it_is_used():
    threat = describe(gat("nowhere", levels=("middle",)))["threat"]
    assert json.loads(json.dumps(threat))["generator"] == {"type": "Stored", "folder": "nowhere", "weights": None}
    assert threat["bounds"] == {"middle": 0.3}
    with pytest.raises(FileNotFoundError, match=r"There is no generator in nowhere\. Train one"):
        gat("nowhere").threat.around(torch.rand(1, 1, 8, 8))


def test_targets_are_wrong_and_every_wrong_class_is_drawn():
    y = torch.randint(5, (400,))
    found = targets(y, torch.arange(400), 5)
    assert (found != y).all()
    assert torch.bincount((found - y) % 5).tolist() == [0, 100, 100, 100, 100]


def test_a_targeted_adversary_drives_towards_its_class():
    y = torch.zeros(3, dtype=torch.int64)

    def logits(x, rows=None):
        return torch.stack([x[:, 0, 0, 0] * 0, x[:, 0, 0, 0], x[:, 0, 0, 1]], dim=1)

    (seat,) = Fixed().seats(None, None, X)
    game = Game(None, seat._replace(forward=logits), Batch(X, y), Latent(Linear(), {"a": 0.2}), Targeted(AT()))
    gradient = game.gradient(torch.zeros(3, 2), game.open())
    # by place the targets are 1, 2, 1: the number behind the target rises, the other falls
    assert gradient.sign().tolist() == [[1, -1], [-1, 1], [1, -1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A generator that has hardly learned: enough to be opened."""
    workshop = start_generator(
        tmp_path_factory.mktemp("latent") / "g", GeneratorRun(epochs=1, batch=32, width=4, latent=8, limit=96)
    )
    for _ in workshop.train():
        pass
    return str(workshop.folder)


@pytest.mark.parametrize("dial", [None, Dials((0.0, 1.0))], ids=["gat", "gat-oat"])
def test_the_recipes_train(folder, dial):
    from robustdial import dial as dialed

    data = load("digits", limit=300)
    model = build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=4)
    method = gat(folder, steps=2, targeted=True) if dial is None else gat_oat(folder, steps=2, lambdas=(0.0, 1.0))
    assert isinstance(method.objective, Targeted if dial is None else Blend)
    model = model if dial is None else dialed(model, dial)
    losses = [epoch["loss"] for epoch in fit(TrainState.new(model), data, method, epochs=4, batch=32)]
    assert losses[-1] < losses[0]


def test_a_run_without_its_generator_writes_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no generator"):
        start("gat", {"generator": str(tmp_path / "g")}, Run(out=str(tmp_path / "r")))
    assert not (tmp_path / "r").exists()


def test_opening_a_generator_leaves_the_random_numbers_of_the_run_alone(folder):
    """It is opened at the first batch, before or after the state of a run was restored."""
    before = torch.get_rng_state()
    open_generator(folder)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_is_not_continued_against_another_generator(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "g")
    settings = Run(data="digits", model_width=4, limit=60, epochs=1, batch=32, out=str(tmp_path / "r"))
    experiment = start("gat", {"generator": str(other), "steps": 1}, settings)
    resume(experiment.folder)
    about = other / "average.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"fingerprint": "another"}))
    with pytest.raises(ValueError, match="trained further"):
        resume(experiment.folder)
