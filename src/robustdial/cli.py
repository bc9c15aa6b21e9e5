"""`robustdial`: demo, train, compare, evaluate, frontier, report, methods. A command is a function, its arguments are
flags."""

from __future__ import annotations

import inspect
import json as json_format
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import takewhile
from pathlib import Path

import torch

from robustdial import record
from robustdial.arguments import (
    bind,
    choose,
    comparison_flags,
    entry_of,
    given,
    knobs_of,
    preset_of,
    run_of,
    training_flags,
)
from robustdial.commands.bake import bake
from robustdial.commands.push import push
from robustdial.comparison import Comparison, begin, reopen
from robustdial.comparison import compare as compare_by_turns
from robustdial.console import (
    ComparisonBar,
    TrainingBar,
    comparison_table,
    console,
    counting,
    points_table,
    say_cost,
    stoppable,
)
from robustdial.evaluate import parse
from robustdial.measuring import add_score, lambdas_of, measure_frontier, measure_point, take_pictures
from robustdial.recipes import RECIPES, recipe
from robustdial.report import render
from robustdial.run import CHANGEABLE, Experiment, Run, resume, start, trained
from robustdial.training import carry_out, estimate
from robustdial.typing import Json

DEMO_RUN = Run(data="digits", model="cnn", epochs=30, batch=64, lr=0.1, seed=0, out="runs/demo")
DEMO_KNOBS = {"eps": 0.33, "steps": 5}


def main() -> None:
    """Entry point: 0 on success, 2 with one line on bad input, 130 when interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run a command line; the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        console.print(_overview(), soft_wrap=True)
        return 0
    try:
        name = choose(argv[0], (*COMMANDS, *WITH_RECIPES), "command")
        if name in WITH_RECIPES:
            return WITH_RECIPES[name](argv[1:])
        return bind(COMMANDS[name], argv[1:], f"robustdial {name}")()
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        if os.environ.get("ROBUSTDIAL_TRACEBACK"):
            traceback.print_exc()
        print(f"robustdial: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError:
        print(
            "robustdial: the accelerator is out of memory. Lower --batch, or train a smaller --model.", file=sys.stderr
        )
        return 2
    except KeyboardInterrupt:
        print("robustdial: interrupted; finished files are intact.", file=sys.stderr)
        return 130


def train(argv: Sequence[str]) -> int:
    """Train a recipe: robustdial train oat --data cifar10 --model resnet18 --eps 8/255 --out runs/x"""
    if not argv or argv[0] in ("-h", "--help"):
        console.print(f"usage: robustdial train RECIPE [flags]\n\nrecipes: {', '.join(RECIPES)}")
        console.print("flags:   robustdial train oat --help")
        return 0
    name = choose(argv[0], tuple(RECIPES), "recipe")
    settings_of = training_flags(recipe(name), preset_of(argv).of(name))
    flags = bind(settings_of, argv[1:], f"robustdial train {name}")()
    knobs, settings = knobs_of(flags, recipe(name)), run_of(flags)
    if not flags.resume:
        return _train(start(name, knobs, settings))
    folder, asked = Path(settings.out), given(argv)
    values = {flag: value for flag, value in (asdict(settings) | knobs).items() if flag in asked - {"out"}}
    changes: dict[str, Json] = {flag: values.pop(flag) for flag in CHANGEABLE if flag in values}
    _check_same(folder, {"recipe": name} | values)
    return _train(resume(folder, changes))


def compare(argv: Sequence[str]) -> int:
    """Train and measure several methods alike: robustdial compare pgd-at m-pgd free:replays=4 --seeds 3 --out runs/c"""
    names = list(takewhile(lambda word: not word.startswith("-"), argv))
    preset = preset_of(argv)
    flags = bind(comparison_flags(preset.shared), argv[len(names) :], "robustdial compare")()
    if flags.resume:
        fixed = names + [f"--{flag}" for flag in sorted(given(argv) - {"out", "resume", "device"})]
        if fixed:
            raise ValueError(f"A resumed comparison keeps its methods and settings. Drop {' '.join(fixed)}.")
        comparison = reopen(Path(flags.out), flags.device if "device" in given(argv) else None)
    else:
        settings = Run(**{f.name: getattr(flags, f.name) for f in fields(Run)})
        entries = tuple(entry_of(name, {"eps": flags.eps, "norm": flags.norm}, preset) for name in names)
        comparison = Comparison(entries, settings, flags.seeds, flags.attacks, flags.n)
        begin(comparison)
    return _compare(comparison)


def demo(out: Path = Path(DEMO_RUN.out)) -> int:
    """Train a dial on handwritten digits, measure its trade-off and write the report, in two minutes.

    Args:
        out: folder of the run.
    """
    # the network is so small that a second thread gains a quarter; on a busy machine, threads that wait cost ten times
    torch.set_num_threads(1)
    if (out / record.RUN).exists():
        console.print(f"{out} is there already: continuing it (delete it for a fresh one)")
        experiment = resume(out)
    else:
        experiment = start("oat", DEMO_KNOBS, replace(DEMO_RUN, out=str(out)))
    return _train(experiment) or frontier(out)


def evaluate(
    run: Path,
    /,
    lam: float | None = None,
    attack: str = "pgd-20",
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """Measure a run at one lambda: robustdial evaluate runs/x --lam 0.4 --attack pgd-20 --n 1000

    The run's best network, on test images, in float32; the result is added to score.json.

    Args:
        run: folder of the run.
        lam: position of the dial; every trained one by default.
        attack: pgd-K, cw-K on the margin loss, or Auto-PGD as apgd-ce, apgd-dlr or apgd-t.
        n: class-balanced test images to use; all by default.
        seed: of the attack's random start.
        device: auto, cpu or cuda.
    """
    measured_with, experiment = parse(attack), trained(run, device)
    lams = (lam,) if lam is not None else lambdas_of(experiment.method.dial)
    points = []
    with counting("measuring", len(lams)) as bar:
        for one in lams:
            points.append(measure_point(experiment, one, measured_with, n, seed))
            add_score(experiment, points[-1])
            bar.advance(bar.task_ids[0])
    console.print(points_table(points, str(run)))
    console.print(f"written: {run / record.SCORE}", soft_wrap=True)
    return 0


def frontier(
    run: Path,
    /,
    lams: tuple[float, ...] = (),
    attack: str = "pgd-20",
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """Measure a run over its dial; write frontier.json, pictures and the report: robustdial frontier runs/x

    The run's best network, on test images, in float32. The attack is made at the lambda that is served.

    Args:
        run: folder of the run.
        lams: positions to measure; by default the trained ones and the middle of every wide gap.
        attack: pgd-K, cw-K on the margin loss, or Auto-PGD as apgd-ce, apgd-dlr or apgd-t.
        n: class-balanced test images to use; all by default.
        seed: of the attack's random start.
        device: auto, cpu or cuda.
    """
    measured_with, experiment = parse(attack), trained(run, device)
    wanted = lams or lambdas_of(experiment.method.dial, between=True)
    points = []
    with counting("measuring", len(wanted)) as bar:
        for point in measure_frontier(experiment, wanted, measured_with, n, seed):
            points.append(point)
            bar.advance(bar.task_ids[0])
    take_pictures(experiment, measured_with, seed)
    console.print(points_table(points, f"{run}: {experiment.about['recipe']} on {experiment.about['data']['name']}"))
    return report(run)


def report(run: Path, /) -> int:
    """Write the page of a run again from its files: robustdial report runs/x

    Args:
        run: folder of the run.
    """
    if not (run / record.COMPARE).exists():
        record.read_run(run)
    console.print(f"report: {render(run)}", soft_wrap=True)
    return 0


def methods(json: bool = False) -> int:
    """List the recipes: paper, nouns, passes.

    Args:
        json: print them as JSON.
    """
    rows = [_method_row(name) for name in RECIPES]
    if json:
        print(json_format.dumps(rows, indent=1))
        return 0
    for row in rows:
        console.print(f"[bold]{row['name']}[/]  {row['summary']}", soft_wrap=True)
        for fact in ("paper", "cost", "threat", "solver", "schedule", "objective", "dial", "passes"):
            console.print(f"  {fact:9} {row[fact]}", soft_wrap=True, markup=False)
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "demo": demo,
    "evaluate": evaluate,
    "frontier": frontier,
    "report": report,
    "bake": bake,
    "push": push,
    "methods": methods,
}


WITH_RECIPES: dict[str, Callable[[Sequence[str]], int]] = {"train": train, "compare": compare}


def _compare(comparison: Comparison) -> int:
    turns = compare_by_turns(comparison)
    with stoppable() as stop, ComparisonBar(comparison) as bar:
        for turn in turns:
            bar.show(turn)
            if stop.asked:
                turns.close()  # saves the run at hand
                break
    console.print(comparison_table(record.read_json(comparison.folder / record.COMPARE)))
    if stop.asked:
        console.print("stopped and saved. Continue with:")
        console.print(f"  robustdial compare --resume --out {comparison.folder}", soft_wrap=True)
        return 130
    return report(comparison.folder)


def _train(experiment: Experiment) -> int:
    say_cost(estimate(experiment), experiment)
    bar = TrainingBar(experiment)
    with stoppable() as stop, bar.bar:
        for step in carry_out(experiment):
            bar.show(step)
            bar.tell(experiment.troubles)
            if step.summary is not None:
                bar.note(record.read_epochs(experiment.folder)[-1]["val"])
            if stop.asked and not experiment.finished:
                experiment.save()
                break
        bar.tell(experiment.troubles)
    if not experiment.finished and not stop.asked:
        trouble = experiment.troubles[-1]
        kept = f" Its best network, of epoch {experiment.best['epoch']}, is kept." if experiment.best else ""
        raise FloatingPointError(
            f"The training in {experiment.folder} failed in epoch {trouble['epoch']}: {trouble['trouble']}.{kept} "
            "Train again into another --out with --on-trouble rollback, more steps, or a lower --lr."
        )
    if not experiment.finished:
        console.print(f"stopped and saved in epoch {step.epoch}, batch {step.batch} of {step.batches}. Continue with:")
        console.print(
            f"  robustdial train {experiment.about['recipe']} --resume --out {experiment.folder}", soft_wrap=True
        )
        return 130
    console.print(
        f"trained: {experiment.folder} (best epoch {experiment.best['epoch']}, chosen on the validation part)"
    )
    return 0


def _check_same(folder: Path, asked: Mapping[str, Json]) -> None:
    """A resumed run keeps its settings; a flag that says otherwise is refused."""
    about = record.read_run(folder)
    was = {"recipe": about["recipe"], **about["knobs"], **asdict(Run()), **about["run"]}
    for flag, value in asked.items():
        if json_format.dumps(was[flag]) != json_format.dumps(value):
            raise ValueError(
                f"The run in {folder} has {flag} = {was[flag]}, not {value}. "
                "Drop the flag, or start a new run with another --out."
            )


def _method_row(name: str) -> dict[str, Json]:
    method, doc = RECIPES[name](), inspect.cleandoc(RECIPES[name].__doc__ or "")
    nouns = {noun: repr(getattr(method, noun)) for noun in ("threat", "solver", "schedule", "objective", "dial")}
    passes = method.schedule.passes(method.schedule.init())
    facts = {fact.lower(): _paragraph(doc, fact) for fact in ("Paper", "Cost")}
    return {"name": name, "summary": doc.splitlines()[0], **facts, **nouns, "passes": passes}


def _paragraph(doc: str, begins: str) -> str:
    found = next(part for part in doc.split("\n\n") if part.startswith(f"{begins}: "))
    return " ".join(found.removeprefix(f"{begins}: ").split())


def _overview() -> str:
    known = {"demo": demo, **WITH_RECIPES} | COMMANDS
    rows = [f"  {name:9} {(command.__doc__ or '').splitlines()[0]}" for name, command in known.items()]
    return "\n".join(["robustdial: train once, dial at test time\n", *rows, "\nflags: robustdial COMMAND --help"])
