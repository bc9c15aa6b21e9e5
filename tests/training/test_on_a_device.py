"""Training on a device that is not the CPU: nothing is mixed, and no step waits for a value.

PyTorch's `meta` device is a device without a card: its tensors have shapes and no values. An operation that takes a
tensor from elsewhere fails there as on an accelerator, and so does whoever asks a tensor for its value, which on an
accelerator would wait for it.
"""

import contextlib
from dataclasses import replace

import pytest
import torch

from robustdial.data import Batch, CropFlip, Mixing, Origin
from robustdial.dial import Dials, Fixed, LinearFiLM, PaperFiLM, PerBatch, Proportional, dial
from robustdial.distributed import ALONE
from robustdial.method.learner import AWP, Plain
from robustdial.method.objective import ALP, Distilled, GradAlign, Smoothed
from robustdial.models import build
from robustdial.recipes import RECIPES, recipe
from robustdial.training import optimizer_for
from robustdial.training.batch import PLAIN, played

META = torch.device("meta")
GENERATED = ("gat", "gat-oat")  # need a generator in a folder
WAITS = {
    # only images that still move, or are due, are forwarded: how many these are must be known
    **dict.fromkeys(("fat", "fat-trades", "fat-mart"), "friendly.py"),
    **dict.fromkeys(("agat", "agat-corruptions", "agat-oat"), "generated.py"),
    # every few batches, the classes in the batch must be known
    "liet": "indicative.py",
    # a mask of another program is looked at before it is used
    **dict.fromkeys(("localized", "localized-oat"), "masked.py"),
}


@pytest.fixture(autouse=True)
def no_autocast(monkeypatch):
    """The meta device knows no lower precision; it is switched off where it is asked for."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())


# `train_batch` looks at every pixel of what it is given; a training loop, which has looked once, plays behind that
ENGINE = {"learner": PLAIN, "step_scale": 1.0, "teacher": None, "world": ALONE, "accumulate": 1, "clip": 0.0}


def learn(method, mixing=None, **engine):
    """Two batches on the meta device, mixed or not; where they wait, or None."""
    plain = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
    model = plain if isinstance(method.dial, Fixed) else dial(plain, method.dial, example=torch.rand(2, 1, 8, 8))
    model = model.to(META).train()
    x, y = torch.rand(12, 1, 8, 8, device=META), torch.zeros(12, dtype=torch.int64, device=META)
    place = Origin(torch.arange(12, device=META), 12, CropFlip(1).draw(x))
    batch = Batch(x, y, place, torch.zeros(12, dtype=torch.bool, device=META))
    batch = batch if mixing is None else mixing(batch, 10)
    optimizer, memories = optimizer_for(model, 0.1, name=engine.pop("optimizer", "sgd")), []
    for _ in range(2):
        try:
            sums = played(model, batch, method, 3, optimizer, memories, **(ENGINE | {"forward": model} | engine))
        except (NotImplementedError, RuntimeError) as error:
            if not any(word in str(error) for word in ("nonzero", "item()", "_unique2")):
                raise
            trace, ours = error.__traceback__, None
            while trace:
                path = trace.tb_frame.f_code.co_filename
                ours, trace = path if "robustdial" in path else ours, trace.tb_next
            return ours
        assert sums["loss"].device == META
    return None


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in GENERATED])
def test_recipes_stay_on_the_device_and_wait_only_where_they_must(name):
    where = learn(recipe(name)())
    assert (where or "").rpartition("/")[2] == WAITS.get(name, "")


@pytest.mark.parametrize(
    "objective", [ALP(), GradAlign(ALP()), Smoothed(ALP(), 0.1), Distilled(ALP(), 0.5)], ids=lambda o: type(o).__name__
)
def test_objectives(objective):
    teacher = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4).to(META).eval()
    assert learn(replace(recipe("oat")(), objective=objective), teacher=teacher) is None


@pytest.mark.parametrize("mixing", [Mixing(mixup=0.4), Mixing(cutmix=1.0)], ids=["mixup", "cutmix"])
@pytest.mark.parametrize("name", ["oat", "mart", "fgsm-pgi", "trades"])
def test_mixed_batches(name, mixing):
    assert learn(recipe(name)(), mixing) is None


@pytest.mark.parametrize(
    "dials",
    [
        Dials((0.0, 0.5, 1.0), conditioner=LinearFiLM()),
        Dials((0.0, 0.5, 1.0), conditioner=PaperFiLM()),
        Dials((0.0, 0.5, 1.0), sampling=PerBatch(), dual=False),
        Dials((0.0, 0.5, 1.0), widths=(0.5, 1.0), radii=Proportional()),
    ],
    ids=["linear film", "paper film", "per batch", "widths, radii"],
)
def test_dials(dials):
    assert learn(replace(recipe("oat")(), dial=dials)) is None


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
def test_ways_to_learn(engine):
    assert learn(recipe("oats")(widths=(0.5, 1.0)), **engine) is None


def test_a_tensor_from_elsewhere_is_noticed():
    class Elsewhere:
        def look(self, view):
            pass

        def attack(self, view):
            return view.adv.sum(1)

        def learn(self, view):
            return view.shown.sum(1) * torch.ones(len(view.y))

    with pytest.raises(RuntimeError, match="device"):
        learn(replace(recipe("pgd-at")(), objective=Elsewhere()))
