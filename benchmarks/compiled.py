"""What `--compile` gives: steps of a training by the engine, compiled over not, by turns, and what compiling takes.

    OMP_NUM_THREADS=1 python benchmarks/compiled.py --recipe pgd-at --width 16 --threads 1

Batch norms are folded under attack in both. The first call of each is told apart: it compiles. Its seconds of processor
time are those of the compilers too if these are children that are waited for (`TORCHINDUCTOR_COMPILE_THREADS=1`).
"""

from __future__ import annotations

import copy
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import tyro
from interleave import circumstances, console, rates_table, say, take_turns, write
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import Dialed
from robustdial.method import Method
from robustdial.method.modes import attacked
from robustdial.models import ResNet
from robustdial.precision import Precision, Prepared, resolve
from robustdial.recipes import RECIPES
from robustdial.training.batch import train_batch
from robustdial.training.optimizer import optimizer_for

EAGER, COMPILED = "as it is", "compiled"


@dataclass(frozen=True)
class Contender:
    """One network, called in one way.

    Attributes:
        model, forward: the network, and how it is called.
        method: by which it learns.
        optimizer: of its weights.
        setting: where a dial stands for each row; empty for a plain network.
    """

    model: nn.Module
    forward: Prepared
    method: Method
    optimizer: torch.optim.Optimizer
    setting: tuple[object, ...]

    def climb(self, x: Tensor, y: Tensor) -> None:
        """One step of an adversary: the gradient of the images, while the weights stand still."""
        still = self.model.standing if isinstance(self.model, Dialed) else self.forward.standing
        with attacked(self.model, "eval"), still(x):
            images = x.clone().requires_grad_()
            torch.autograd.grad(F.cross_entropy(self.forward(images, *self.setting), y), images)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """A pass that weights learn from, down to the images as the engine asks for it."""
        self.model.train()
        F.cross_entropy(self.forward(x.clone().requires_grad_(), *self.setting), y).backward()
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, x: Tensor, y: Tensor, passes: int) -> None:
        """One step of training by the engine."""
        self.model.train()
        train_batch(self.model, Batch(x, y), self.method, passes, self.optimizer, [], forward=self.forward)


def contenders(net: nn.Module, recipe: str, steps: int, batch: int, precision: Precision) -> dict[str, Contender]:
    """The network of a recipe as it is, and compiled."""
    method = RECIPES[recipe](steps=steps)
    model = method.dial.put_on(net)
    setting: tuple[object, ...] = ()
    if isinstance(model, Dialed):
        setting = (model.settings(model.dials.sampling.rows(batch, model.dials.lambdas))[0],)
    lower, found = resolve(precision, torch.device("cpu")), {}
    for name in (EAGER, COMPILED):
        own = copy.deepcopy(model)
        forward = Prepared(own, lower, name == COMPILED)
        found[name] = Contender(own, forward, method, optimizer_for(own, 0.1), setting)
    return found


def spent(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call by the clock, and of the processor by this process and its children."""
    began = time.perf_counter(), _processor()
    call()
    return time.perf_counter() - began[0], _processor() - began[1]


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(
    recipe: str = "pgd-at",
    steps: int = 10,
    width: int = 16,
    batch: int = 128,
    rounds: int = 5,
    precision: Precision = "auto",
    threads: int = torch.get_num_threads(),
    json: Path | None = None,
) -> None:
    """Measure what compiling gives (ResNet-18, 32x32 images).

    Args:
        recipe: whose step is timed.
        steps: of its adversary.
        width: channels of the first stage.
        batch: images per step.
        rounds: timed turns of each.
        precision: number format.
        threads: of PyTorch; 1 is the steadiest on a machine that others use.
        json: file to write the numbers to.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = torch.rand(batch, 3, 32, 32), torch.randint(10, (batch,))
    both = contenders(ResNet(10, 3, width), recipe, steps, batch, precision)
    clock = time.process_time if threads == 1 else time.perf_counter
    facts = circumstances(rounds) | {"recipe": recipe, "steps": steps, "width": width, "batch": batch}
    results, first = {}, {}
    for title, passes in (("climb", 1), ("learn", 1), ("step", steps + 1)):
        calls = {
            name: partial(getattr(one, title), x, y, *([passes] if title == "step" else []))
            for name, one in both.items()
        }
        first[title] = {name: spent(call) for name, call in calls.items()}
        results[title] = take_turns(calls, batch * passes, rounds, clock)
        console.print(rates_table(title, results[title], [EAGER], "passes"))
        wall, processor = first[title][COMPILED]
        console.print(f"first compiled call: {wall:.1f} s by the clock, {processor:.1f} s of the processor")
    console.print(say(facts))
    if json:
        write(json, facts | {"first": first}, results)


if __name__ == "__main__":
    tyro.cli(main)
