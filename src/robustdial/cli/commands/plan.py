"""`robustdial plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from rich.table import Table

from robustdial.cli.arguments import bind, given
from robustdial.cli.commands.two_stage import two_parts
from robustdial.cli.commands.words import DEVICES
from robustdial.cli.console import print_notes
from robustdial.cli.flags import knobs_of, preset_of, run_of, training_flags
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError, choose
from robustdial.own_code import absolute, is_place
from robustdial.plan.arithmetic import parts_that_fit
from robustdial.plan.devices import DEVICES as KNOWN
from robustdial.plan.devices import HERE, Device, parse
from robustdial.recipes import RECIPES, recipe
from robustdial.report.words import counted, duration, size
from robustdial.run import Run
from robustdial.run.calibrated import Calibration, calibrated, this_machine, to_plan
from robustdial.run.forecast import Forecast, forecast
from robustdial.training.door import check_divides


class Stage(NamedTuple):
    """One training of a plan: all of it, or what comes before with --first."""

    name: str
    run: Run
    found: Calibration
    cost: Forecast


def plan(argv: Sequence[str]) -> int:
    """Say what a training would cost: robustdial plan oat --data cifar10 --model resnet18 --devices 8xH200"""
    name = absolute(argv[0] if is_place(argv[0]) else choose(argv[0], tuple(RECIPES), "recipe"))
    settings = training_flags(recipe(name), preset_of(argv).of(name), (DEVICES,))
    flags = bind(settings, argv[1:], f"robustdial plan {name}", "method")()
    if flags.resume:
        raise UsageError("A plan is made before a training begins. Leave --resume out.")
    number, kind = parse(flags.devices)
    stages, device = [], None
    for stage, knobs, run in _trainings(name, flags, given(argv)):
        check_divides(number, run.accumulate, run.batch)
        experiment = to_plan(stage, knobs, run)
        whole = min(run.batch, experiment.feed.images)
        check_divides(number, run.accumulate, whole)
        run = replace(run, batch=whole)
        here = this_machine(experiment, number)
        device = here if kind == HERE else KNOWN[kind]
        found = calibrated(experiment, whole // (number * run.accumulate))
        stages.append(Stage(stage, run, found, forecast(experiment, found, run, number, device, here)))
    assert device is not None
    print_notes(experiment.data.notes)
    _show(stages, number, device)
    wanting = [remedy for stage in stages if (remedy := _remedy(stage, number, device)) is not None]
    for line in wanting:
        console.print(line, soft_wrap=True)
    return 1 if wanting else 0


def _trainings(name: str, flags: Any, asked: set[str]) -> list[tuple[str, dict[str, Any], Run]]:
    """The trainings that `robustdial train` with the same flags would carry out, one after the other."""
    knobs = knobs_of(flags, recipe(name))
    if not flags.first:
        return [(name, knobs, run_of(flags))]
    first, then = two_parts(flags, asked, recipe(name)(**knobs))
    knobs |= {"warm": 0.0} if "warm" in knobs.keys() - asked else {}
    return [("clean", {}, first), (name, knobs, then)]


def _show(stages: Sequence[Stage], number: int, device: Device) -> None:
    costs = [stage.cost for stage in stages]
    both = len(costs) > 1
    names = [*(stage.name for stage in stages), *["together"] * both]
    table = Table("", *names, title=f"{number} x {device.name}", title_justify="left")
    lines = _summed(costs, both) + _of_each(costs, device, number)
    for name, *told in lines:
        table.add_row(name, *told)
    if console.is_terminal:
        console.print(table)
    else:
        named = ", then ".join(stage.name for stage in stages) + ", and together" * both
        console.print(f"plan for {number} x {device.name}: {named}")
        for name, *told in lines:
            console.print(f"{name}: {' | '.join(told)}", soft_wrap=True)
    found, cost = stages[-1].found, stages[-1].cost
    tried = f"From batches of {found.images} images here, which reached {cost.share:.0%} of what this machine could do"
    if device.name == HERE:
        console.print(f"{tried}.", soft_wrap=True)
    else:
        console.print(f"{tried}; {device.name} is taken to reach as much of its own ({device.source}).", soft_wrap=True)


def _summed(costs: Sequence[Forecast], both: bool) -> list[list[str]]:
    """What is spent one training after the other, and together where there are two."""
    rows: list[tuple[str, list[float], Callable[[float], str]]] = [
        ("images", [cost.images for cost in costs], "{:,.0f}".format),
        ("passes over images", [cost.passes for cost in costs], "{:,.0f}".format),
        ("time", [cost.seconds for cost in costs], lambda spent: f"{duration(spent)} ({spent / 3600:.3g} h)"),
    ]
    return [[name, *map(tell, spent), *([tell(sum(spent))] * both)] for name, spent, tell in rows]


def _of_each(costs: Sequence[Forecast], device: Device, number: int) -> list[list[str]]:
    """What each training asks for by itself."""
    rows: dict[str, Callable[[Forecast], str]] = {
        "passes a batch": _passes,
        "precision": lambda cost: cost.precision,
        "memory of a device": lambda cost: f"{size(cost.memory.total)} of {size(device.memory)}",
        "  weights, gradients": lambda cost: size(cost.memory.weights + cost.memory.gradients),
        "  optimizer": lambda cost: size(cost.memory.optimizer),
        "  kept for the backward": lambda cost: size(cost.memory.activations),
    }
    if number > 1:
        rows["wire, each update"] = lambda cost: f"{size(cost.wire)} from each device"
    return [[name, *map(tell, costs)] for name, tell in rows.items()]


def _passes(cost: Forecast) -> str:
    """
    >>> from types import SimpleNamespace
    >>> _passes(SimpleNamespace(epochs=(1, 1, 8), most=8)), _passes(SimpleNamespace(epochs=(2,), most=5))
    ('1 for 2 epochs, 8 for 1 epoch', '2 for 1 epoch; 5 at the most')
    """
    runs = [(passes, len([*epochs])) for passes, epochs in groupby(cost.epochs)]
    told = ", ".join(f"{passes} for {counted(many, 'epoch')}" for passes, many in runs)
    return told + (f"; {cost.most} at the most" if cost.most > max(cost.epochs) else "")


def _remedy(stage: Stage, number: int, device: Device) -> str | None:
    """What to do where the memory is too small; None where it is not."""
    need, images = stage.cost.memory, stage.run.batch // number
    if need.total <= device.memory:
        return None
    kept = stage.cost.memory.activations / (images // stage.run.accumulate)
    parts = parts_that_fit(stage.found.network, kept, images, device.memory)
    told = f"{stage.name} needs {size(need.total)} of each {device.name}, which has {size(device.memory)}."
    if parts is None:
        return f"{told} Divide the weights (--shard-weights), or choose a smaller --model."
    smaller = number * stage.run.accumulate * max(int((device.memory - need.total + need.activations) / kept), 1)
    return f"{told} Give --accumulate {parts}, or --batch {smaller} or less."
