"""Trains cases by their names and keeps the weights: `python worker.py FOLDER CASE...`, in each of the processes."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from robustdial.data import CropFlip, Extra, Mixing, Relabelled, load
from robustdial.dial import Fixed, dial
from robustdial.distributed import ALONE, Several, divide, started_together, synchronised, whole
from robustdial.method.learner import AWP
from robustdial.method.objective import GradAlign, LocalLinearity
from robustdial.models import build
from robustdial.recipes import recipe
from robustdial.training import TrainState, averaged, fit, optimizer_for, restore, save, steps
from robustdial.training.growth import Growth

RECIPES = {
    "agat": {},
    "atta": {},
    "deat-p": {"accuracy": 0.1, "most": 2},
    "e-at": {"steps": 2},
    "elle": {},
    "fat": {"steps": 3},
    "free": {"replays": 2},
    "gradalign": {},
    "guided-at": {},
    "hat": {"steps": 2},
    "liet": {"every": 3},
    "localized": {"steps": 2},
    "m-deat": {"most": 3},
    "m-mart": {"steps": 3},
    "max-at": {"steps": 2},
    "oat": {"steps": 2},
    "oats": {"steps": 2, "widths": (0.5, 1.0)},
    "pgd-at": {"steps": 2},
    "radial": {"steps": 2, "warm": 0.5},
    "rst": {"steps": 2},
    "rst-oat": {"steps": 2},
    "spatial-at": {"draws": 2},
    "trades": {"steps": 2},
    "yopo": {},
}
SPECIAL = {
    "AWP, EMA": (
        "pgd-at",
        {"steps": 2},
        lambda state: with_(state, learner=AWP(0.01), average=averaged(state.model, 0.9)),
    ),
    "AWP, oats": ("oats", {"steps": 2, "widths": (0.5, 1.0)}, lambda state: with_(state, learner=AWP(0.01))),
    "clipped adamw": (
        "oat",
        {"steps": 2},
        lambda state: with_(state, clip=0.5, lr=0.01, optimizer=optimizer_for(state.model, 0.01, name="adamw")),
    ),
    # one row at lambda 0, or at another one, in the whole batch: some process has none
    "one zero": ("oat", {"steps": 2, "zeros": 0.01}, lambda state: None),
    "one victim": ("oat", {"steps": 2, "zeros": 0.97}, lambda state: None),
    "few victims, gradalign": ("oat", {"steps": 2, "zeros": 0.8}, lambda state: None),
    "one victim, locallinearity": ("oat", {"steps": 1, "zeros": 0.97}, lambda state: None),
    "mixed": ("fat", {"steps": 3}, lambda state: with_(state, mixing=Mixing(0.4, 1.0))),
    "mixed rst": ("rst", {"steps": 2}, lambda state: with_(state, mixing=Mixing(1.0, 1.0))),
    "extra, mixed": ("atta", {}, lambda state: with_(state, mixing=Mixing(1.0))),
    "growing": ("m-deat", {"most": 3}, lambda state: with_(state, growth=Growth(0.7))),
    "accumulated": ("oat", {"steps": 2}, lambda state: with_(state, accumulate=3)),
}
BATCH, EPOCHS, STOPPED = 36, 2, 6
"""Images in a batch, epochs of four batches, and after how many of them a training is stopped."""


class Double(nn.Module):
    """Double precision inside, so that no rounding decides on the sign of a gradient."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x, *setting):
        return self.net(x.double(), *setting)


def with_(state, **changes):
    for name, value in changes.items():
        setattr(state, name, value)


def plain(norms):
    if norms not in ("none", "sharded"):
        return build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))


def teacher(x):
    """Ten pixels in the middle are the logits."""
    return 4 * x.flatten(1)[:, 27:37]


def started(case, world, accumulate=1):
    """The state, method and data of a case: a recipe and, after a slash, its norms: synchronised, local or none;
    or `divided`, synchronised norms of a network whose weights are divided among the processes, or `sharded`, without
    norms."""
    name, _, norms = case.partition("/")
    norms = norms or "synchronised"
    source, knobs, change = SPECIAL.get(name, (name, RECIPES.get(name, {}), lambda state: None))
    torch.manual_seed(0)
    method, net = recipe(source)(**knobs), plain(norms)
    for regulariser in (GradAlign, LocalLinearity):
        if regulariser.__name__.lower() in name:
            method = replace(method, objective=regulariser(method.objective))
    model = net if isinstance(method.dial, Fixed) else dial(net, method.dial, example=torch.rand(2, 1, 8, 8))
    model.double()
    world = world.with_norms("synchronised" if norms in ("synchronised", "divided") else "local")
    if world.norms == "synchronised":
        synchronised(model, world)
    if norms in ("sharded", "divided") and world.size > 1:  # each process keeps a part of each weight
        divide(model, torch.device("cpu"), world.size)
        world = world.with_divided_weights()
    state = TrainState.new(model, lr=0.1)
    state.forward, state.world, state.accumulate, state.teacher = Double(model), world, accumulate, teacher
    change(state)
    data = data_for(method)
    return state, method, with_extra(data) if "extra" in name else data


def with_extra(data):
    """Other images of the set, as if they had been generated: 0.7 of every batch."""
    extra = load("digits", limit=800, seed=1).train
    return replace(data, extra=Extra(extra, 0.7))


def data_for(method):
    data = load("digits", limit=160, labelled=80 if method.unlabelled else None)
    if method.unlabelled:
        data = replace(data, unlabelled=Relabelled(data.unlabelled, torch.arange(len(data.unlabelled)) % 10))
    return replace(data, augment=CropFlip(1))


def stopped(case, path, world=ALONE):
    """Train the case for a while, and keep its state."""
    state, method, data = started(case, world)
    for number, _ in enumerate(steps(state, data, method, epochs=EPOCHS, batch=BATCH), start=1):
        if number == STOPPED:
            save(state, path)
            return


def trained(case, world=ALONE, accumulate=1, path=None):
    """Weights, the average of them, memories and statistics of the epochs after the case's updates, which may go on
    from where they were stopped."""
    state, method, data = started(case, world, accumulate)
    if path is not None:
        restore(state, path)
    epochs = list(fit(state, data, method, epochs=EPOCHS, batch=BATCH))
    numbers = [[e[k] or 0.0 for k in ("loss", "clean", "adv", "gradient", "spent", "images")] for e in epochs]
    weights = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    if state.average is not None:
        weights |= {f"average.{name}": value for name, value in state.average.state_dict().items()}
    weights = {name: whole(value) for name, value in weights.items()}
    memory = {f"memory.{i}.{name}": value for i, kept in enumerate(state.memories) for name, value in kept.items()}
    return weights | memory | {"epochs": torch.tensor(numbers, dtype=torch.float64)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, cases = Path(sys.argv[1]), sys.argv[2:]
    met = started_together()
    met.gather()
    for number, case in enumerate(cases):
        print("case:", case, file=sys.stderr, flush=True)  # the last of these has failed, if one has
        case, _, how = case.partition(":")
        path = folder / f"{number}-stopped.safetensors" if how == "stopped" else folder / "one.safetensors"
        if how == "stopped":
            stopped(case, path, Several(met))
            continue
        found = trained(case, Several(met), path=path if how == "resumed" else None)
        save_file(
            {name: value.clone().contiguous() for name, value in found.items()},
            folder / f"{number}-{met.rank}.safetensors",
        )
    met.part()
