"""Training on a device that is not the CPU: nothing is mixed, weights are those of the CPU, and who waits is known."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest
import torch
from elsewhere import CPU, DEVICE, There
from test_dials import ROWS, built
from test_nouns import OBJECTIVES, SOLVERS
from test_threats import THREATS

from robustdial.data import Batch, CropFlip, Mixing, Origin, load
from robustdial.dial import Dials, Fixed, LinearFiLM, PaperFiLM, PerBatch, Proportional, dial, no_images
from robustdial.distributed import ALONE
from robustdial.method.learner import AWP, Plain
from robustdial.method.threat import Masked
from robustdial.models import build
from robustdial.precision import Prepared
from robustdial.randomness import seeded
from robustdial.recipes import RECIPES, recipe
from robustdial.training import TrainState, averaged, fit, optimizer_for
from robustdial.training.batch import PLAIN, played
from robustdial.training.health import look

GENERATED = ("gat", "gat-oat")  # need a generator in a folder
UPDATES = 2
WAITS = {
    # how many images still move, or are due, must be known before these are forwarded: once for each step
    **{name: {"friendly.py": UPDATES} for name in ("fat", "fat-trades", "fat-mart")},
    **{name: {"generated.py": UPDATES} for name in ("agat", "agat-oat")},
    "agat-corruptions": {"generated.py": UPDATES, "library.py": 3},  # Kornia looks at what it is given
    # how many adversaries of each norm succeed decides in which the next batch is attacked
    "e-at": {"balls.py": UPDATES},
    # singular values, in the adversary's loss and in the learner's: whether the search for them ended well
    "nuat": {"nuclear.py": 2 * UPDATES},
    # a mask of another program is looked at before it is used
    **{name: {"masked.py": UPDATES} for name in ("localized", "localized-oat")},
}
"""How often these recipes wait in so many updates, and where. No other recipe ever does."""

# `train_batch` looks at every pixel of what it is given; a training loop, which has looked once, plays behind that
ENGINE = {"learner": PLAIN, "step_scale": 1.0, "teacher": None, "world": ALONE, "accumulate": 1, "clip": 0.0}


@cache
def _network(dials, channels, seed):
    mean, std = [0.5] * channels, [0.5] * channels
    with seeded(seed):
        plain = build("cnn", classes=10, shape=(channels, 8, 8), mean=mean, std=std, width=4)
        return dials.put_on(plain, example=torch.rand(2, channels, 8, 8))


def network(device, dials=Fixed(), channels=1, seed=0):  # noqa: B008
    return deepcopy(_network(dials, channels, seed)).to(device)


def learn(method, device, there, optimizer="sgd", channels=1, mixing=None, **engine):
    """The weights after some updates, mixed or not, and how often each file has waited for them."""
    torch.manual_seed(0)
    model = network(device, method.dial, channels).train()
    engine |= {"teacher": network(device, channels=channels, seed=1).eval()} if "teacher" in engine else {}
    x, y = torch.rand(12, channels, 8, 8).to(device), torch.randint(10, (12,)).to(device)
    place = Origin(torch.arange(12).to(device), 12, CropFlip(1).draw(x))
    batch = Batch(x, y, place, (torch.arange(12) > 8).to(device))
    learner, memories = optimizer_for(model, 0.1, name=optimizer), []
    there.waits.clear()
    batch = batch if mixing is None else mixing(batch, 10)
    for _ in range(UPDATES):
        sums = played(model, batch, method, 2, learner, memories, **(ENGINE | {"forward": model} | engine))
        assert sums["loss"].device.type == device.type
    files = there.files
    return torch.cat([weight.detach().cpu().flatten() for weight in model.parameters()]), files


def waits(method, there, **engine):
    """Where it waits on the device, once its weights are seen to be those of the CPU."""
    weights, files = learn(method, DEVICE, there, **engine)
    assert torch.equal(weights, learn(method, CPU, there, **engine)[0])
    return files


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in GENERATED])
def test_recipes_wait_only_where_they_must(name, there):
    if name == "agat-corruptions":
        pytest.importorskip("kornia")
    method, expected = recipe(name)(), WAITS.get(name, {})
    found = waits(method, there, **({"teacher": True} if method.asks_teacher else {}))
    if "library.py" in found:  # one version of Kornia looks more often than another
        found["library.py"] = expected.get("library.py")
    assert found == expected


@pytest.mark.parametrize("mixing", [Mixing(mixup=0.4), Mixing(cutmix=1.0)], ids=["mixup", "cutmix"])
@pytest.mark.parametrize("name", ["oat", "mart", "fgsm-pgi", "trades"])
def test_mixed_batches(name, mixing, there):
    assert waits(recipe(name)(), there, mixing=mixing) == {}


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers(solver, there):
    waiting = {"Friendly": "friendly.py", "Generated": "generated.py", "OneBall": "balls.py"}
    must = [waiting[name] for name in (type(solver).__name__,) if name in waiting]
    assert list(waits(replace(recipe("pgd-at")(), solver=solver), there)) == must


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objectives(objective, there):
    files = waits(replace(recipe("pgd-at")(), objective=objective), there, teacher=True)
    assert list(files) == ["nuclear.py"] * ("Nuclear" in str(objective))


@pytest.mark.parametrize("threat", THREATS)
def test_threats(threat, there):
    files = waits(replace(recipe("pgd-at")(), threat=threat), there, channels=3)
    # Kornia looks at what it is given; so does whoever is given a mask, or a network that tells one
    assert set(files) <= {"library.py"} | ({"masked.py", "logits.py"} if isinstance(threat, Masked) else set())


@pytest.mark.parametrize(
    "dials",
    [
        Dials((0.0, 0.5, 1.0), conditioner=LinearFiLM(), dual=False),
        Dials((0.0, 0.5, 1.0), conditioner=PaperFiLM(), sampling=PerBatch()),
        Dials((0.0, 0.5, 1.0), widths=(0.5, 1.0), radii=Proportional()),
    ],
)
def test_dials(dials, there):
    assert waits(replace(recipe("oat")(), dial=dials), there) == {}


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.networks == 1][1:], ids=lambda row: row.kind.name)
def test_a_kind_of_dial_trains(row, there):
    assert waits(replace(recipe("oat")(), dial=row.kind), there) == {}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_kind_of_dial_is_asked(row, there):
    model, x = built(row), torch.rand(4, 3, 8, 8)
    moved, images = deepcopy(model).to(DEVICE), x.to(DEVICE)
    for lam in row.positions:
        for verb in (row.kind.at, row.kind.bake):
            served = verb(moved, lam, 1.0, no_images)
            there.waits.clear()
            answers = served(images)
            assert not there.waits
            assert torch.equal(answers.cpu(), verb(model, lam, 1.0, no_images)(x))


@pytest.mark.parametrize(
    "engine",
    [
        {"learner": AWP(0.01)},
        {"clip": 1.0, "learner": Plain()},
        {"accumulate": 3},
        {"optimizer": "adamw"},
    ],
    ids=["awp", "clip", "accumulate", "adamw"],
)
def test_ways_to_learn(engine, there):
    assert waits(recipe("oat")(), there, **engine) == {}


def epoch(there, data, batch, method):
    """How often an epoch waits, in all."""
    model = network(CPU)
    state = TrainState.new(dial(model, method.dial).to(DEVICE))
    state.forward, state.average = Prepared(state.model, "float32"), averaged(state.model, 0.9)
    there.waits.clear()
    (summary,) = fit(state, data, method, epochs=1, batch=batch)
    assert summary["images"] == 48 and summary["adv"] is not None
    return sum(there.waits.values())


def test_an_epoch_waits_at_its_end_and_not_in_its_batches(there):
    data, method = load("digits", limit=48, val=0).to(DEVICE), recipe("radial")(steps=1, warm=0.0)
    assert epoch(there, data, 8, method) == epoch(there, data, 48, method)


def test_a_look_at_the_health_waits_for_its_answer(there):
    x, y = torch.rand(32, 1, 8, 8).to(DEVICE), torch.randint(10, (32,)).to(DEVICE)
    model = network(DEVICE).eval()
    there.waits.clear()
    look(model, x, y, recipe("pgd-at")().threat)
    assert sum(there.waits.values()) <= 12


def test_a_tensor_from_elsewhere_is_noticed(there):
    class FromElsewhere:
        def look(self, view):
            pass

        def attack(self, view):
            return view.adv.sum(1)

        def learn(self, view):
            return view.shown.sum(1) * torch.ones(len(view.y))

    with pytest.raises(RuntimeError, match="two devices"):
        learn(replace(recipe("pgd-at")(), objective=FromElsewhere()), DEVICE, there)


@pytest.mark.parametrize(
    "asked",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0.5).any()),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x[x > 0.5],
        lambda x: x[[0, 1]],
        lambda x: (x > 0.5).nonzero(),
        lambda x: x.masked_select(x > 0.5),
        lambda x: x + torch.tensor([1.0], device=DEVICE),
        lambda x: x.copy_(torch.zeros(4)),
        lambda x: torch.zeros(4).copy_(x),
        lambda x: torch.zeros(4).to(x),
    ],
)
def test_whoever_waits_is_counted(asked, there):
    x = torch.rand(4, device=DEVICE)
    assert isinstance(x, There)
    assert not there.waits
    asked(x)
    assert sum(there.waits.values()) == 1


@pytest.mark.parametrize(
    "asked",
    [
        lambda x: torch.zeros(4).to(DEVICE, non_blocking=True),
        lambda x: x.masked_fill(x > 0.5, 0.0).sum() + 1.0,
        lambda x: x[torch.arange(2, device=DEVICE)] + torch.tensor(1.0),
    ],
)
def test_whoever_does_not_wait_is_not_counted(asked, there):
    asked(torch.rand(4, device=DEVICE))
    assert not there.waits
