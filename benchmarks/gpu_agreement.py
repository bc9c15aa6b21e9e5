"""Whether a recipe leaves the same weights on a card as on the CPU: three updates of each, from the same numbers.

A card draws other random numbers than the CPU; here all are drawn on the CPU. The network computes in double precision,
so that no rounding decides on the sign of a gradient, and once more in single precision, as one trains.
"""

from __future__ import annotations

from typing import Any

import torch
from gpu_place import Place
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from robustdial.data import Batch, CropFlip, Origin
from robustdial.dial import Fixed
from robustdial.models import build
from robustdial.precision import full_precision
from robustdial.recipes import RECIPES, recipe
from robustdial.training import optimizer_for
from robustdial.training.batch import train_batch

UPDATES = 3
GENERATED = ("gat", "gat-oat")  # need a trained generator
CLOSE = 1e-6
"""Largest difference of a weight, in double precision, that is rounding."""


class DrawnOnTheCPU(TorchDispatchMode):
    """Inside, random numbers come from the generator of the CPU, wherever they go."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        like = next((arg for arg in args if isinstance(arg, Tensor)), None)
        device = kwargs.get("device") or (like.device if like is not None else torch.device("cpu"))
        here = [arg.cpu() if isinstance(arg, Tensor) else arg for arg in args]
        drawn = func(*here, **(kwargs | ({"device": torch.device("cpu")} if "device" in kwargs else {})))
        return like.copy_(drawn) if func._schema.is_mutable and like is not None else drawn.to(device)


class Double(nn.Module):
    """Double precision inside."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, *setting: Any) -> Tensor:
        return self.net(x.double(), *setting)


def trained(name: str, network: str, device: torch.device, double: bool) -> Tensor:
    """All weights after the updates, on the CPU."""
    torch.manual_seed(0)
    method = recipe(name)()
    plain = build(network, classes=10, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.25] * 3, width=4)
    dialed = not isinstance(method.dial, Fixed)
    model = method.dial.put_on(plain, example=torch.rand(2, 3, 16, 16)) if dialed else plain
    model = (model.double() if double else model).to(device).train()
    optimizer, memories = optimizer_for(model, 0.01), []
    forward = Double(model) if double else model
    with DrawnOnTheCPU(), full_precision():
        x, y = torch.rand(16, 3, 16, 16, device=device), torch.randint(10, (16,), device=device)
        numbers = torch.arange(16, device=device)
        batch = Batch(x, y, Origin(numbers, 16, CropFlip(1).draw(x)), numbers > 11)
        for _ in range(UPDATES):
            train_batch(model, batch, method, 3, optimizer, memories, forward=forward)
    return torch.cat([weight.detach().cpu().double().flatten() for weight in model.parameters()])


def part(place: Place) -> dict[str, Any]:
    """Largest difference of a weight between the card and the CPU, for each recipe and precision."""
    network = "cnn" if place.quick else "preact_resnet18"
    precisions = {"double": True} if place.quick else {"double": True, "single": False}
    found: dict[str, dict[str, Any]] = {}
    for name in [name for name in RECIPES if name not in GENERATED and place.fits(name)]:
        try:
            found[name] = {word: _difference(name, network, place, double) for word, double in precisions.items()}
        except (RuntimeError, ValueError) as error:  # the others are still worth knowing
            found[name] = {"raised": str(error)[:200]}
    apart = [name for name, of in found.items() if not of.get("double", torch.inf) <= CLOSE]
    return {"updates": UPDATES, "largest difference": found, "apart": apart}


def _difference(name: str, network: str, place: Place, double: bool) -> float:
    there, here = (trained(name, network, device, double) for device in (place.device, torch.device("cpu")))
    return float((there - here).abs().max())
