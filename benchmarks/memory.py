"""What a step of training keeps: the loss sent back as a whole, term by term as the engine does, and blocks twice.

    python benchmarks/memory.py --batch 256 --recipes pgd-at radial oat oats rst

Kept tensors are counted by `torch.autograd.graph.saved_tensors_hooks`, the most at once (without those of a block that
is computed again); the resident memory is that of a process of its own, the most after its step less that before it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from interleave import circumstances, console, say, write
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.method.learner import Plain
from robustdial.models import ResNet
from robustdial.plan.counted import counted
from robustdial.recipes import RECIPES
from robustdial.training.batch import train_batch
from robustdial.training.optimizer import optimizer_for
from robustdial.training.recompute import called

Way = Literal["by hand", "as a whole", "term by term", "blocks again"]
WAYS: tuple[Way, ...] = ("as a whole", "term by term", "blocks again")
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class AtOnce(Plain):
    """The weights learn from the whole loss when the adversary has moved."""

    @property
    def still(self) -> bool:
        return False


@dataclass(frozen=True)
class Case:
    """One step to measure: of a recipe, with one step of its adversary.

    Attributes:
        recipe: whose step it is. By hand, the network without its dial learns from clean images, which is the most that
            a loop for `pgd-at` keeps.
        way: how it is made.
        width, batch: channels of the first stage, and images.
        precision: number format.
    """

    recipe: str
    way: Way
    width: int
    batch: int
    precision: Precision

    def measured(self) -> dict[str, float]:
        """Bytes kept and resident for each image, in this process, and seconds of processor."""
        torch.set_num_threads(1)
        torch.manual_seed(0)
        x, y = torch.rand(self.batch, 3, 32, 32), torch.randint(10, (self.batch,))
        model, step = self._prepared(x[:2])
        step(x[:8], y[:8])  # what is loaded at first use
        before, clock = _resident(), time.process_time()
        step(x, y)
        resident, seconds = _resident() - before, time.process_time() - clock
        with counted(model) as tally:
            step(x[:32], y[:32])
        return {"kept": tally.peak / 32, "resident": resident / self.batch, "seconds": seconds}

    def _prepared(self, example: Tensor) -> tuple[nn.Module, Callable[[Tensor, Tensor], object]]:
        method, net = RECIPES[self.recipe](), ResNet(10, 3, self.width)
        model = (net if self.way == "by hand" else method.dial.put_on(net, example=example)).train()
        forward = called(model, self.precision, False, self.way == "blocks again")
        optimizer, learner = optimizer_for(model, 0.1), AtOnce() if self.way == "as a whole" else Plain()

        def by_hand(x: Tensor, y: Tensor) -> None:
            F.cross_entropy(forward(x), y).backward()
            optimizer.step()

        def by_engine(x: Tensor, y: Tensor) -> None:
            train_batch(model, Batch(x, y), method, 2, optimizer, [], forward=forward, learner=learner)

        return model, by_hand if self.way == "by hand" else by_engine


def _resident() -> float:
    """The most that this process has held, in bytes (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def alone(case: Case) -> dict[str, float]:
    """What a case measures in a process of its own, whose allocator gives back at once what is let go."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(case.measured)


def main(
    recipes: tuple[str, ...] = ("pgd-at", "radial", "oat", "oats", "rst", "gradalign", "elle"),
    width: int = 16,
    batch: int = 512,
    precision: tuple[Precision, ...] = ("float32", "bfloat16"),
    json: Path | None = None,
) -> None:
    """Measure the memory of a step with one step of the adversary (ResNet-18, 32x32 images).

    Args:
        recipes: whose steps.
        width: channels of the first stage.
        batch: images per step.
        precision: number formats.
        json: file to write the numbers to.
    """
    facts = circumstances(1) | {"threads": 1, "width": width, "batch": batch}
    table, results = Table("kB/image, kept (resident)", *WAYS), {}
    for lower in precision:
        by_hand = alone(Case("clean", "by hand", width, batch, lower))
        results[f"by hand, {lower}"] = by_hand
        table.add_row(f"by hand, {lower}", _cell(by_hand))
        for recipe in recipes:
            found = {way: alone(Case(recipe, way, width, batch, lower)) for way in WAYS}
            table.add_row(f"{recipe}, {lower}", *map(_cell, found.values()))
            results[f"{recipe}, {lower}"] = found
    console.print(table, say(facts), sep="\n")
    if json:
        write(json, facts, results)


def _cell(found: Mapping[str, float]) -> str:
    return f"{found['kept'] / 1000:.0f} ({found['resident'] / 1000:.0f})"


if __name__ == "__main__":
    tyro.cli(main)
