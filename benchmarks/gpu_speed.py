"""How much of what a card can do the passes of an attack and of learning use: compiled or not, with CUDA graphs or not.

The peak is that of a product of two large matrices in bfloat16, measured here. A pass is counted in the products of
its convolutions and matrices, forward and backward (`torch.utils.flop_counter`).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from gpu_place import Place
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from robustdial.data import Batch
from robustdial.models import build
from robustdial.precision import Prepared
from robustdial.recipes import pgd_at
from robustdial.training import optimizer_for
from robustdial.training.batch import train_batch

STEPS = 7
ROUNDS = 10
COMPILED = {"": None, ", compiled": {}, ", compiled with CUDA graphs": {"mode": "reduce-overhead"}}
"""Name of a way to run the network to the arguments of `torch.compile`; None for as it is."""


def part(place: Place) -> dict[str, Any]:
    """Floating-point operations per second of the peak, and of each way to make a pass; what raised is told."""
    batch, width = (16, 8) if place.quick else (512, 64)
    peak = _peak(place, 256 if place.quick else 8192)
    found: dict[str, Any] = {}
    ways = {word: how for word, how in COMPILED.items() if place.device.type == "cuda" or "graphs" not in word}
    for word, how in list(ways.items())[: 1 if place.quick else None]:
        for kind, make in {"attack pass": _attack, "learning pass": _learning, "pgd-at, engine": _engine}.items():
            if not place.fits(kind + word):
                continue
            try:
                call, passes = make(*_network(place.device, width, batch, how))
                rate = passes / _seconds(place, call)
            except Exception as error:  # which way works on which card is what is asked here
                found[kind + word] = {"raised": (str(error).splitlines() or [type(error).__name__])[0][:200]}
                continue
            each = _operations(place.device, width, learning="learning" in kind)
            found[kind + word] = {
                "images per second": round(rate),
                "share of peak": round(rate * each / peak, 4),
            }
    return {"peak, bfloat16 TFLOP/s": round(peak / 1e12, 3), "batch": batch, "width": width, "passes": found}


def _peak(place: Place, size: int) -> float:
    a, b = (torch.rand(size, size, device=place.device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / _seconds(place, lambda: a @ b)


def _seconds(place: Place, call: Callable[[], object]) -> float:
    """Median of some rounds, after three that compile and warm up."""
    taken = []
    for _ in range(3 + (2 if place.quick else ROUNDS)):
        place.done()
        clock = time.perf_counter()
        call()
        place.done()
        taken.append(time.perf_counter() - clock)
    return statistics.median(taken[3:])


def _network(
    device: torch.device, width: int, batch: int, how: dict[str, Any] | None
) -> tuple[Prepared, Tensor, Tensor]:
    torch.manual_seed(0)
    stats = {"mean": [0.5] * 3, "std": [0.25] * 3}
    model = build("preact_resnet18", classes=10, shape=(3, 32, 32), width=width, **stats).to(device)
    network = Prepared(model, "bfloat16")
    if how is not None:
        network.model = torch.compile(model, **how)
    return network, torch.rand(batch, 3, 32, 32, device=device), torch.randint(10, (batch,), device=device)


def _attack(network: nn.Module, x: Tensor, y: Tensor) -> tuple[Callable[[], object], int]:
    """The gradient of the loss with respect to the images, in evaluation mode."""
    network.eval().requires_grad_(False)
    z = x.clone().requires_grad_()
    return lambda: torch.autograd.grad(F.cross_entropy(network(z), y), z), len(x)


def _learning(network: nn.Module, x: Tensor, y: Tensor) -> tuple[Callable[[], object], int]:
    """The gradient with respect to the weights, in training mode."""
    network.train()
    return lambda: F.cross_entropy(network(x), y).backward(), len(x)


def _engine(network: Prepared, x: Tensor, y: Tensor) -> tuple[Callable[[], object], int]:
    """An update of PGD training."""
    model = getattr(network.model, "_orig_mod", network.model).train()
    method, optimizer = pgd_at(steps=STEPS), optimizer_for(model, 0.01)
    batch = Batch(x, y)
    call = lambda: train_batch(model, batch, method, STEPS + 1, optimizer, [], forward=network)  # noqa: E731
    return call, len(x) * (STEPS + 1)


def _operations(device: torch.device, width: int, learning: bool) -> float:
    """Floating-point operations of a pass over one image."""
    network, x, y = _network(device, width, 8, None)
    network.train(learning).requires_grad_(learning)
    with FlopCounterMode(display=False) as counter:
        F.cross_entropy(network(x.requires_grad_(not learning)), y).backward()
    return counter.get_total_flops() / len(x)
