"""Which checks notice which broken defence?

    python benchmarks/broken_defences.py > table.md

A small network is trained on the digits and broken in the ways of `tests/evaluate/check/broken.py`; then all checks
look at each of them, and at the network as it was, and at one trained adversarially.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor, nn

from robustdial.data import Data, load, unit
from robustdial.evaluate.check import Evidence, Finding, examine
from robustdial.method import Method
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.provenance import commit, machine
from robustdial.recipes import clean, pgd_at
from robustdial.training.engine import TrainState, fit
from robustdial.typing import Classifier

sys.path.append(str(Path(__file__).parents[1] / "tests" / "evaluate" / "check"))
from broken import BROKEN

THREAT, IMAGES, SEED = Linf(0.125), 64, 0


def trained(data: Data, method: Method, epochs: int) -> nn.Module:
    """A small network, in evaluation mode."""
    torch.manual_seed(SEED)
    net = build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    for _ in fit(TrainState.new(net, seed=SEED), data, method, epochs=epochs, batch=128):
        pass
    return net.eval()


def probe(data: Data) -> tuple[Tensor, Tensor]:
    """Test images and their labels."""
    chosen = torch.randperm(len(data.test), generator=torch.Generator().manual_seed(SEED))[:IMAGES]
    ((x, y),) = data.test.batches([chosen])
    return unit(x), y


def networks(standard: nn.Module, adversarial: nn.Module) -> Iterator[tuple[str, Classifier, frozenset[str]]]:
    """Name, network, and the checks that must be raised."""
    yield "none: standard training", standard, frozenset()
    yield "none: adversarial training", adversarial, frozenset()
    for name, broken in BROKEN.items():
        yield name, broken.make(standard), broken.must


def rows() -> Iterator[str]:
    """The table, line by line."""
    data = load("digits")
    standard, adversarial = trained(data, clean(), 5), trained(data, pgd_at(eps=0.15, step=0.1, steps=2), 4)
    yield "| defence | check | what was seen |"
    yield "| --- | --- | --- |"
    for name, f, must in networks(standard, adversarial):
        found = examine(Evidence(f, *probe(data), THREAT, another=standard, seed=SEED))
        yield from _cells(name, [finding for finding in found if finding.state == "raised"], must)


def _cells(name: str, raised: list[Finding], must: frozenset[str]) -> Iterator[str]:
    if not raised:
        yield f"| {name} | | |"
    for row, finding in enumerate(raised):
        id = f"**`{finding.id}`**" if finding.id in must else f"`{finding.id}`"
        yield f"| {'' if row else name} | {id} | {finding.seen} |"


def preface() -> str:
    """What was done, where and when."""
    where = machine()
    return (
        "# What the checks see of broken defences\n\n"
        f"`python benchmarks/broken_defences.py`, {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, PyTorch "
        f"{torch.__version__}, {where['cpu']} ({where['cores']} cores). n = {IMAGES} test images of the digits, "
        f"L-infinity {THREAT.eps}, seed {SEED}; a `cnn` of width 8, trained as usual, is what each defence is built "
        "around. Bold: the checks that know this fault. The others see it by its effects. Checks that passed, or "
        "had nothing to look at, are left out.\n"
    )


if __name__ == "__main__":
    print(preface())
    for row in rows():
        print(row, flush=True)
