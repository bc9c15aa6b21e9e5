"""What the engine and the dial cost: against loops by hand, the network without a dial, and its convolutions alone.

    python benchmarks/passes.py --width 16 --batch 128 --rounds 7

A pass is the forward and backward of one image (where only the forward is timed, that). The loops by hand do the
arithmetic of the engine and nothing else (no statistics, no exchangeable parts), as somebody writes them who does not
fold batch norms under attack; that they do is checked first, by their losses in double precision. A network cannot be
faster than its convolutions: they are timed alone, in the same turns, and each pass is told as a share of that ceiling.
On one thread, seconds are those of the processor, so that others on the machine do not count.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from interleave import Timings, circumstances, console, rates_table, say, take_turns, write
from torch import Tensor, nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import Dialed, Dials, Setting, dial
from robustdial.method import Method
from robustdial.models import ResNet
from robustdial.precision import Prepared, resolve
from robustdial.recipes import oat, pgd_at
from robustdial.training.batch import train_batch
from robustdial.training.optimizer import optimizer_for
from robustdial.typing import px

Format = Literal["float32", "bfloat16"]
Forward = Callable[..., Tensor]
Call = Callable[[], Tensor]

EPS, STEPS, LAM, LR = px(8), 7, 0.3, 0.1
ENGINE, BY_HAND, CEILING = "engine", "by hand", "its convolutions alone"
WIDTHS, AGAIN = (0.25, 0.5, 0.75, 1.0), 20  # of one network; calls in a turn that asks about one image


def native() -> tuple[Format, ...]:
    """The number formats that this processor multiplies natively."""
    return ("float32", "bfloat16") if resolve("auto", torch.device("cpu")) == "bfloat16" else ("float32",)


def called(model: nn.Module, precision: Format, compiled: bool) -> Forward:
    """How somebody without robustdial calls a network: laid out channels last, under autocast."""
    model.to(memory_format=torch.channels_last)
    call = torch.compile(model) if compiled else model

    def forward(x: Tensor, *setting: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return call(x.contiguous(memory_format=torch.channels_last), *setting).float()

    return forward


def climb(model: nn.Module, forward: Forward, x: Tensor, y: Tensor, step: float) -> Tensor:
    """PGD by hand: the network in evaluation mode, its weights without gradients; the adversarial images."""
    model.eval().requires_grad_(False)
    z = (torch.empty_like(x).uniform_(-1, 1) * EPS).clamp(-x, 1 - x)
    for _ in range(STEPS):
        z = z.detach().requires_grad_()
        slope = torch.autograd.grad(F.cross_entropy(forward(x + z), y, reduction="sum"), z)[0]
        z = (z.detach() + step * slope.sign()).clamp(-EPS, EPS).clamp(-x, 1 - x)
    model.train().requires_grad_(True)
    return x + z


def pgd_at_by_hand(
    model: nn.Module, forward: Forward, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> Tensor:
    """One step of PGD adversarial training; its loss."""
    adv = climb(model, forward, x, y, EPS / 4)
    return learn(optimizer, F.cross_entropy(forward(adv), y))


def oat_by_hand(model: Dialed, forward: Forward, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """One step of once-for-all adversarial training; its loss."""
    rows = model.dials.sampling.rows(len(x), model.dials.lambdas)
    setting = model.settings(rows)[0]
    first, victims = setting.first, setting.part(slice(setting.first, None))
    clean = F.cross_entropy(forward(x, setting), y, reduction="none")
    adv = climb(model, lambda images: forward(images, victims), x[first:], y[first:], 1.25 * EPS / STEPS)
    robust = F.cross_entropy(forward(adv, victims), y[first:], reduction="none")
    robust = torch.cat([robust.new_zeros(first), robust])
    return learn(optimizer, ((1 - setting.lam) * clean + setting.lam * robust).mean())


def learn(optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """One step of the optimizer."""
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def engine_step(
    model: nn.Module, forward: Forward, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, method: Method
) -> Tensor:
    """The same by the engine; the mean loss."""
    sums = train_batch(model, Batch(x, y), method, STEPS + 1, optimizer, [], forward=forward)
    return sums["loss"] / sums["rows"]


@dataclass(frozen=True)
class Contest:
    """A method whose step is timed by the engine and by hand.

    Attributes:
        method, net, by_hand: the method, its network, and its step by hand.
        passes: passes in a step on one batch.
    """

    method: Method
    net: nn.Module
    by_hand: Callable[..., Tensor]
    passes: int

    def calls(self, x: Tensor, y: Tensor, precision: Format, compiled: bool) -> dict[str, Call]:
        """A step by hand and one by the engine, each on its own copy of the network."""
        theirs, ours = copy.deepcopy(self.net), copy.deepcopy(self.net)
        hand, engine = called(theirs, precision, compiled), Prepared(ours, precision, compiled)
        return {
            BY_HAND: partial(self.by_hand, theirs, hand, optimizer_for(theirs, LR), x, y),
            ENGINE: partial(engine_step, ours, engine, optimizer_for(ours, LR), x, y, self.method),
        }

    def check(self, x: Tensor, y: Tensor) -> None:
        """Two steps either way have the same losses; AssertionError otherwise: the contest would be worthless.

        In double precision: a folded network rounds otherwise, and an adversary follows signs.
        """
        losses, exact = {}, replace(self, net=copy.deepcopy(self.net).double())
        for name, step in exact.calls(x.double(), y, "float32", False).items():
            torch.manual_seed(1)
            losses[name] = torch.stack([step().double(), step().double()])
        torch.testing.assert_close(losses[ENGINE], losses[BY_HAND], rtol=1e-5, atol=0)


def contests(net: nn.Module, batch: int) -> dict[str, Contest]:
    """The methods whose steps are compared."""
    once_for_all = oat(steps=STEPS)
    dialed = dial(net, once_for_all.dial)
    attacked = batch - dialed.settings(dialed.dials.sampling.rows(batch, dialed.dials.lambdas))[0].first
    return {
        "pgd-at step": Contest(pgd_at(steps=STEPS), net, pgd_at_by_hand, batch * (STEPS + 1)),
        "oat step": Contest(once_for_all, dialed, oat_by_hand, batch + attacked * (STEPS + 1)),
    }


class Convolutions:
    """The convolutions of a network alone, each on noise in the shape, layout and format in which it is given images.

    Args:
        net: the network.
        x: images `[B, C, H, W]`.
        precision: format of the noise and of the weights.
    """

    def __init__(self, net: nn.Module, x: Tensor, precision: Format) -> None:
        self.layers: list[tuple[nn.Module, Tensor, Tensor]] = []
        like: Any = {"dtype": getattr(torch, precision), "memory_format": torch.channels_last}

        def note(alone: nn.Module, layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            self.layers.append((alone.to(**like), *(torch.rand_like(value).to(**like) for value in (*given, out))))

        found = [(module, copy.deepcopy(module)) for module in net.modules() if isinstance(module, nn.Conv2d)]
        hooks = [module.register_forward_hook(partial(note, alone)) for module, alone in found]
        with torch.no_grad():
            net(x)
        for hook in hooks:
            hook.remove()

    @torch.no_grad()
    def answer(self) -> None:
        """Forward."""
        for layer, x, _ in self.layers:
            layer(x)

    def slope(self) -> None:
        """Forward, and the gradient of what came in."""
        for layer, x, out in self.layers:
            layer.requires_grad_(False)
            torch.autograd.grad(layer(x.requires_grad_()), x, out)

    def descend(self) -> None:
        """Forward, and the gradient of the weights and of what came in, but for the images."""
        for number, (layer, x, out) in enumerate(self.layers):
            layer.requires_grad_(True)
            wanted = [*layer.parameters(), *([x.requires_grad_()] if number else [])]
            torch.autograd.grad(layer(x.requires_grad_(number > 0)), wanted, out)


def with_and_without_dial(
    net: nn.Module, x: Tensor, y: Tensor, precision: Format, compiled: bool
) -> dict[str, dict[str, Call]]:
    """What the dial costs: kind of work, then network, to one call on the batch."""
    dialed, slim = dial(net, oat().dial), dial(net, Dials(widths=WIDTHS), example=x[:2])
    prepared = partial(Prepared, precision=precision, compiled=compiled)
    setting = dialed.settings(dialed.dials.sampling.rows(len(x), dialed.dials.lambdas))[0]
    served = {  # evaluation mode and weights without gradients, as an attack finds them
        "plain": prepared(still(net)),
        f"at({LAM})": prepared(still(dialed).at(LAM)),
        f"bake({LAM})": prepared(still(dialed.bake(LAM))),
        "a lambda per image": partial(at_setting, prepared(still(dialed)), setting),
    }
    learning = {
        "plain": prepared(copy.deepcopy(net)),
        "a lambda per image": partial(at_setting, prepared(dialed), setting),
    }
    alone = Convolutions(net, x, precision)
    one = {name: f for name, f in served.items() if name != "a lambda per image"}
    return {
        "one image in evaluation mode": {name: partial(answer_again, f, x[:1]) for name, f in one.items()},
        "forward in evaluation mode": {name: partial(answer, f, x) for name, f in served.items()}
        | {CEILING: alone.answer},
        "step of an attack": {name: partial(slope, f, x, y) for name, f in served.items()} | {CEILING: alone.slope},
        "pass of learning": {name: partial(descend, f, x, y) for name, f in learning.items()}
        | {CEILING: alone.descend},
        "pass of learning at all widths": {
            "one width": partial(descend_all, prepared(copy.deepcopy(dialed)), [setting], x, y),
            "four widths": partial(
                descend_all, prepared(slim), slim.settings(slim.dials.sampling.rows(len(x), slim.dials.lambdas)), x, y
            ),
        },
    }


def still(model: nn.Module) -> Any:
    """A copy in evaluation mode whose weights want no gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def at_setting(f: Forward, setting: Setting, x: Tensor) -> Tensor:
    """The logits of a dialed network at `setting`."""
    return f(x, setting)


@torch.no_grad()
def answer_again(f: Forward, x: Tensor) -> None:
    """The logits, some times over: one call is over before a clock has noticed."""
    for _ in range(AGAIN):
        f(x)


@torch.no_grad()
def answer(f: Forward, x: Tensor) -> Tensor:
    """The logits, without gradients."""
    return f(x)


def slope(f: Forward, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the loss with respect to the images."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(f(x), y), x)[0]


def descend(f: Forward, x: Tensor, y: Tensor) -> None:
    """The gradient of the loss with respect to the weights."""
    F.cross_entropy(f(x), y).backward()


def descend_all(f: Forward, settings: list[Setting], x: Tensor, y: Tensor) -> None:
    """The gradient of the weights at some widths."""
    for setting in settings:
        descend(partial(at_setting, f, setting), x, y)


def measure(net: nn.Module, x: Tensor, y: Tensor, precision: Format, compiled: bool, rounds: int) -> dict[str, Timings]:
    """All comparisons in one number format: title to the timings of its contenders."""
    turns = partial(
        take_turns, rounds=rounds, clock=time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    )
    found = {
        title: turns(contest.calls(x, y, precision, compiled), contest.passes)
        for title, contest in contests(net, len(x)).items()
    }
    for title, calls in with_and_without_dial(net, x, y, precision, compiled).items():
        found[title] = turns(calls, AGAIN if title.startswith("one image") else len(x))
    return found


def main(
    width: int = 16,
    batch: int = 128,
    rounds: int = 7,
    precision: tuple[Format, ...] = native(),
    compile: bool = False,
    threads: int = torch.get_num_threads(),
    json: Path | None = None,
) -> None:
    """Measure what the engine costs over loops by hand, and the dial over the plain network (ResNet-18, 32x32 images).

    Args:
        width: channels of the first stage, at least 8 (the loops by hand are laid out channels last in any case).
        batch: images per step.
        rounds: timed turns of each contender.
        precision: number formats; by default those that this processor multiplies natively.
        compile: run the networks through torch.compile.
        threads: of PyTorch; 1 is the steadiest on a machine that others use.
        json: file to write the numbers to.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net, x, y = ResNet(10, 3, width), torch.rand(batch, 3, 32, 32), torch.randint(10, (batch,))
    for contest in contests(net, batch).values():
        contest.check(x, y)
    facts = circumstances(rounds) | {"width": width, "batch": batch, "compile": compile}
    results = {}
    for lower in precision:
        results[lower] = measure(net, x, y, lower, compile, rounds)
        show(lower, results[lower])
    console.print(say(facts))
    if json:
        write(json, facts, results)


def show(precision: Format, found: Mapping[str, Timings]) -> None:
    """The tables of one number format; every comparison is with its first contender, and with the ceiling."""
    for title, timings in found.items():
        bases = [*list(timings)[:1], *(name for name in timings if name == CEILING)]
        console.print(rates_table(f"{title}, {precision}", timings, bases, "passes"))


if __name__ == "__main__":
    tyro.cli(main)
