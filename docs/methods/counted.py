"""Write how many passes each method makes: python docs/methods/counted.py > docs/methods/passes.md"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from robustdial.data import Batch, CropFlip, Origin
from robustdial.dial import Fixed
from robustdial.method import Method
from robustdial.method.solver import Friendly
from robustdial.recipes import RECIPES
from robustdial.training.batch import train_batch

IMAGES, CLASSES, SIDE = 8, 4, 16
WITHOUT = "gat", "gat-oat"
HEAD = """# How many passes

Forwards and backwards for each image of a batch, counted in `train_batch` on a small network, with the defaults of the
recipe and at the most passes that its schedule comes to. A backward that stops at the image, as those of an adversary
do, counts as much as one that reaches the weights; a gradient that is differentiated itself counts again. What is done
now and then is spread over the batches between; a friendly adversary (`fat`) is counted as if no image stopped. On a
dial, "attacked" are the images at lambda > 0. `gat` and `gat-oat` cost what `localized` and `oat` do with as many
steps, and as much in a generator. `docs/methods/counted.py` writes this page.

"""
TAIL = """
## What is not made

| | before, forwards / backwards | now |
| --- | --- | --- |
| `rs-aaer`, `n-aaer`: the answers where the adversary sets out are those that its step has seen | 3 / 2 | 2 / 2 |
| `rst --beta 0`: a loss with weight 0 is not computed | 2 / 2 | 1 / 1 |
| `oat --awp 0.01`, attacked: the gradient that moves the weights uses the clean images looked at | 12 / 11 | 11 / 11 |

Before these, too: at lambda = 0 nothing is forwarded for an adversary, replays (`free`, `deat` and its kin, `yopo`)
ascend along the gradient that learning has left, the target of a TRADES adversary is computed once, and a friendly
adversary forwards only the images that still move. No other adversary stops early: its method learns from where all its
steps lead.

## What has to be made

- `oat` forwards clean images at lambda = 1, whose clean loss has weight 0: the other rows are normalised by a batch
  that they are part of.
- The target of a TRADES adversary is the answer of the network in evaluation mode; the clean images that are
  learned from are normalised by their batch. These are other numbers.
- The guides of `guided-at` and `nuat` are the answers that are learned from, computed once more: running statistics
  see them twice, as in the authors' code.
- `e-at` and `max-at` ask the network in evaluation mode where their adversaries have ended.
"""


@dataclass
class Counter:
    """A network whose forwards and backwards are counted, in images."""

    model: nn.Module
    forwards: float = 0.0
    backwards: float = 0.0

    def __call__(self, x: Tensor, *setting: Any) -> Tensor:
        logits: Tensor = self.model(x, *setting)
        self.forwards += len(x)
        if logits.requires_grad:
            logits.register_hook(self._back)
        return logits

    def _back(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)


def network() -> nn.Module:
    """As small as one can be that every recipe can train."""
    convolution = nn.Conv2d(3, 2, 3, stride=4)
    return nn.Sequential(convolution, nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(CLASSES))


def teacher(x: Tensor) -> Tensor:
    """Logits of whoever is asked; not counted."""
    return torch.zeros(len(x), CLASSES)


def counted(method: Method) -> tuple[float, float]:
    """Forwards and backwards for each image."""
    torch.manual_seed(0)
    x, y = torch.rand(IMAGES, 3, SIDE, SIDE), torch.arange(IMAGES) % CLASSES
    net = network()
    net(x)
    model = method.dial.put_on(net, example=x[:2]).train()
    counter, memories = Counter(model), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    batches = max(getattr(part, "every", 1) for part in (method.solver, getattr(method.solver, "start", None)))
    for _ in range(batches):
        batch = Batch(x, y, Origin(torch.arange(IMAGES), IMAGES, CropFlip(1).draw(x)))
        train_batch(model, batch, method, method.schedule.most, optimizer, memories, forward=counter, teacher=teacher)
    return counter.forwards / batches / IMAGES, counter.backwards / batches / IMAGES


def cases(name: str) -> Iterator[tuple[str, Method]]:
    """A recipe; of one with a dial, for the images that are attacked and for the others."""
    method = RECIPES[name]()
    if isinstance(method.solver, Friendly):
        method = replace(method, solver=replace(method.solver, patience=method.schedule.most))
    if isinstance(method.dial, Fixed):
        yield f"`{name}`", method
        return
    yield f"`{name}`, attacked", replace(method, dial=replace(method.dial, lambdas=(0.5, 1.0)))
    yield f"`{name}`, lambda = 0", replace(method, dial=replace(method.dial, lambdas=(0.0,)))


def page() -> str:
    """The whole page."""
    lines = ["| recipe | forwards | backwards |", "| --- | --- | --- |"]
    for name in RECIPES:
        for title, method in cases(name) if name not in WITHOUT else ():
            forwards, backwards = counted(method)
            lines.append(f"| {title} | {forwards:.3g} | {backwards:.3g} |")
    return HEAD + "\n".join(lines) + "\n" + TAIL


if __name__ == "__main__":
    print(page(), end="")
