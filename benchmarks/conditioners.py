"""What does a dial cost? Parameters and multiply-adds of its FiLM layers, by conditioner and architecture.

    python benchmarks/conditioners.py > table.md

Networks have their customary size and random weights; one image passes, nothing is timed or trained. Convolutions and
matrix products are counted. The scale and shift of a feature map are not: they cost what those of a norm do, and in a
baked network they are those of the norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from robustdial.dial import Conditioner, Cosine, Dials, Encoding, IdentityFiLM, LinearFiLM, Orthogonal, PaperFiLM, dial
from robustdial.dial.surgery import Sites, everywhere
from robustdial.models import build

CONDITIONERS: dict[str, tuple[Encoding, Conditioner]] = {
    "the paper's, `Orthogonal(128)`": (Orthogonal(128), PaperFiLM()),
    "`IdentityFiLM(64)`, `Cosine(16)` (default)": (Cosine(16), IdentityFiLM(64)),
    "`LinearFiLM()`, `Cosine(16)`": (Cosine(16), LinearFiLM()),
}
CIFAR = ("resnet18", "resnet34", "vgg16", "wrn16_8", "wrn34_10")
IMAGENET = (
    "timm:densenet121",
    "timm:mobilenetv2_100",
    "timm:efficientnet_b0",
    "timm:convnext_tiny",
    "timm:deit_small_patch16_224",
)


class Cost(NamedTuple):
    """Parameters of a network, and its multiply-adds for one image."""

    parameters: int
    work: int


def cost(model: nn.Module, x: Tensor) -> Cost:
    """The cost of a forward pass of the image `x` `[1, C, H, W]`."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    return Cost(sum(weight.numel() for weight in model.parameters()), counter.get_total_flops() // 2)


def dialed(net: nn.Module, x: Tensor, encoding: Encoding, conditioner: Conditioner, film: Sites = everywhere) -> Cost:
    """The cost of a network at one lambda, with one set of statistics: what it has more than `net` is FiLM."""
    model = dial(net, Dials(encoding=encoding, conditioner=conditioner, dual=False), film=film)
    return cost(model.eval().at(0.3), x)


def network(name: str) -> tuple[nn.Module, Tensor]:
    """A network of customary size, and an image for it."""
    side, classes = (224, 1000) if name in IMAGENET else (32, 10)
    net = build(name, classes=classes, shape=(3, side, side), mean=[0.5] * 3, std=[0.25] * 3)
    return net.eval(), torch.zeros(1, 3, side, side)


def rows() -> Iterator[str]:
    """The table, line by line."""
    yield f"| network | parameters | multiply-adds | {' | '.join(CONDITIONERS)} |"
    yield f"| --- | --- | --- | {' | '.join('---' for _ in CONDITIONERS)} |"
    for name in (*CIFAR, *IMAGENET):
        net, x = network(name)
        plain = cost(net, x)
        cells = [_more(dialed(net, x, *pair), plain) for pair in CONDITIONERS.values()]
        yield f"| `{name}` | {_millions(plain.parameters)} | {_millions(plain.work)} | {' | '.join(cells)} |"


def _more(cost: Cost, plain: Cost) -> str:
    parameters, work = cost.parameters - plain.parameters, cost.work - plain.work
    return f"{_millions(parameters)} ({_share(parameters, plain.parameters)}), {_share(work, plain.work)}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if part < 0.1 * whole else f"{100 * part / whole:.0f} %"


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
