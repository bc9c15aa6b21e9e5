"""`robustdial`: demo, train, evaluate, frontier, report, methods."""

from __future__ import annotations

import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from robustdial import record
from robustdial.arguments import choose, given, knobs_of, parse, run_of, training_flags
from robustdial.console import TrainingBar, console, counting, points_table, say_cost, stoppable
from robustdial.evaluate import parse as parse_attack
from robustdial.measuring import add_score, lambdas_to_measure, measure_frontier, measure_point, take_pictures
from robustdial.recipes import RECIPES, recipe
from robustdial.report import render
from robustdial.run import Experiment, Run, resume, start, trained
from robustdial.training import carry_out, estimate

DEMO_RUN = Run(data="digits", model="cnn", epochs=40, batch=128, lr=0.1, seed=0, out="runs/demo")
DEMO_KNOBS = {"eps": 0.3, "steps": 5}

Command = Callable[[Sequence[str]], int]


def main() -> None:
    """Entry point: 0 on success, 2 with one line on bad input, 130 when interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run a command line; the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        console.print(_overview())
        return 0
    try:
        return COMMANDS[choose(argv[0], list(COMMANDS), "command")](argv[1:])
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        if os.environ.get("ROBUSTDIAL_TRACEBACK"):
            traceback.print_exc()
        print(f"robustdial: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("robustdial: interrupted; finished files are intact.", file=sys.stderr)
        return 130


def demo(args: Sequence[str]) -> int:
    """Train a dial on handwritten digits, measure its trade-off and write the report (two minutes)."""

    def flags(out: str = DEMO_RUN.out) -> str:
        """Train a dial on handwritten digits, measure its trade-off and write the report.

        Args:
            out: folder of the run.
        """
        return out

    folder = Path(parse(flags, args, "robustdial demo"))
    fresh = not (folder / record.RUN).exists()
    experiment = start("oat", DEMO_KNOBS, replace(DEMO_RUN, out=str(folder))) if fresh else resume(folder)
    if not fresh:
        console.print(f"{folder} is there already: continuing it (delete it for a fresh one)")
    code = _train(experiment)
    return code or _measure(folder, None, "pgd-20", None, 0)


def train(args: Sequence[str]) -> int:
    """Train a recipe: robustdial train oat --data cifar10 --model resnet18 --eps 8/255 --out runs/x"""
    if not args or args[0] in ("-h", "--help"):
        console.print(f"usage: robustdial train RECIPE [flags]\n\nrecipes: {', '.join(RECIPES)}\nflags:   robustdial train oat --help")
        return 0
    name = choose(args[0], list(RECIPES), "recipe")
    flags = parse(training_flags(recipe(name)), args[1:], f"robustdial train {name}")
    knobs, run = knobs_of(flags, recipe(name)), run_of(flags)
    if not flags.resume:
        return _train(start(name, knobs, run))
    folder = Path(run.out)
    _check_same(record.read_run(folder), name, given(flags) | {k: v for k, v in knobs.items() if k in given(flags)})
    return _train(resume(folder))


def evaluate(args: Sequence[str]) -> int:
    """Measure a run at one lambda: robustdial evaluate runs/x --lam 0.4 --attack pgd-20 --n 1000"""

    def flags(
        run: Path, /, lam: float | None = None, attack: str = "pgd-20", n: int | None = None, seed: int = 0, device: str = "auto"
    ) -> dict[str, object]:
        """Clean and robust accuracy of a run's best network on test images, in float32; added to score.json.

        Args:
            run: folder of the run.
            lam: position of the dial; every trained one by default.
            attack: pgd-K.
            n: class-balanced test images to use; all by default.
            seed: of the attack's random start.
            device: auto, cpu or cuda.
        """
        return dict(run=run, lam=lam, attack=attack, n=n, seed=seed, device=device)

    chosen = parse(flags, args, "robustdial evaluate")
    return _evaluate(**chosen)  # type: ignore[arg-type]


def frontier(args: Sequence[str]) -> int:
    """Measure a run over its dial and write frontier.json: robustdial frontier runs/x"""

    def flags(
        run: Path, /, lams: tuple[float, ...] = (), attack: str = "pgd-20", n: int | None = None, seed: int = 0, device: str = "auto"
    ) -> dict[str, object]:
        """Clean and robust accuracy over the dial, on test images, in float32. The attack is made at the lambda that is served.

        Args:
            run: folder of the run.
            lams: positions to measure; by default the trained ones and the middle of every wide gap.
            attack: pgd-K.
            n: class-balanced test images to use; all by default.
            seed: of the attack's random start.
            device: auto, cpu or cuda.
        """
        return dict(folder=run, lams=lams, attack=attack, n=n, seed=seed, device=device)

    return _measure(**parse(flags, args, "robustdial frontier"))  # type: ignore[arg-type]


def report(args: Sequence[str]) -> int:
    """Write the page of a run again: robustdial report runs/x"""

    def flags(run: Path, /) -> Path:
        """Write report.html, one self-contained page, from the files of a run.

        Args:
            run: folder of the run.
        """
        return run

    folder = parse(flags, args, "robustdial report")
    record.read_run(folder)
    console.print(f"report: {render(folder)}")
    return 0


def methods(args: Sequence[str]) -> int:
    """List the recipes: paper, nouns, passes."""

    def flags(json: bool = False) -> bool:
        """List the recipes.

        Args:
            json: print them as JSON.
        """
        return json

    as_json = parse(flags, args, "robustdial methods")
    rows = [_method_row(name) for name in RECIPES]
    if as_json:
        print(json.dumps(rows, indent=1))
        return 0
    for row in rows:
        console.print(f"[bold]{row['name']}[/]  {row['summary']}")
        console.print(f"  paper   {row['paper']}\n  nouns   {', '.join(row['nouns'].values())}\n  passes  {row['passes']} per batch")
    return 0


COMMANDS: dict[str, Command] = {
    "demo": demo,
    "train": train,
    "evaluate": evaluate,
    "frontier": frontier,
    "report": report,
    "methods": methods,
}


def _train(experiment: Experiment) -> int:
    say_cost(estimate(experiment), experiment)
    bar = TrainingBar(experiment)
    with stoppable() as stop, bar.bar:
        for step in carry_out(experiment):
            bar.show(step)
            if step.summary is not None:
                bar.note(record.read_epochs(experiment.folder)[-1]["val"])
            if stop.asked and not _finished(experiment):
                experiment.save()
                break
    if not _finished(experiment):
        console.print(f"stopped and saved in epoch {step.epoch}, batch {step.batch} of {step.batches}. Continue with:")
        console.print(f"  robustdial train {experiment.about['recipe']} --resume --out {experiment.folder}", soft_wrap=True)
        return 130
    console.print(f"trained: {experiment.folder} (best epoch {experiment.best['epoch']}, chosen on the validation part)")
    return 0


def _finished(experiment: Experiment) -> bool:
    return experiment.state.epoch >= experiment.run.epochs


def _evaluate(run: Path, lam: float | None, attack: str, n: int | None, seed: int, device: str) -> int:
    found = parse_attack(attack)
    experiment = trained(run, device)
    lams = (lam,) if lam is not None else getattr(experiment.method.dial, "lambdas", (None,))
    points = []
    with counting("measuring", len(lams)) as bar:
        for one in lams:
            points.append(measure_point(experiment, one, found, n, seed))
            add_score(experiment, points[-1])
            bar.advance(bar.task_ids[0])
    console.print(points_table(points, str(run)))
    console.print(f"written: {run / record.SCORE}")
    return 0


def _measure(folder: Path, lams: Sequence[float] | None, attack: str, n: int | None, seed: int, device: str = "auto") -> int:
    found = parse_attack(attack)
    experiment = trained(folder, device)
    total = len(lams or (lambdas_to_measure(experiment) if hasattr(experiment.method.dial, "lambdas") else (None,)))
    points = []
    with counting("measuring", total) as bar:
        for point in measure_frontier(experiment, lams, found, n, seed):
            points.append(point)
            bar.advance(bar.task_ids[0])
    take_pictures(experiment, found, seed)
    console.print(points_table(points, f"{folder}: {experiment.about['recipe']} on {experiment.about['data']['name']}"))
    console.print(f"report: {render(folder)}", soft_wrap=True)
    return 0


def _check_same(about: dict[str, object], name: str, asked: dict[str, object]) -> None:
    """A resumed run keeps its settings; a flag that says otherwise is refused."""
    was = {"recipe": about["recipe"], **about["knobs"], **about["run"]}  # type: ignore[dict-item]
    for flag, value in {"recipe": name, **asked}.items():
        if flag in was and json.dumps(was[flag]) != json.dumps(value) and flag not in ("precision", "device"):
            raise ValueError(f"The run in {was['out']} has {flag} = {was[flag]}, not {value}. Drop the flag, or start a new run with another --out.")


def _method_row(name: str) -> dict[str, object]:
    method = RECIPES[name]()
    doc = inspect.cleandoc(RECIPES[name].__doc__ or "")
    paper = next((line for line in doc.split("\n\n") if line.startswith("Paper: ")), "").removeprefix("Paper: ")
    nouns = {noun: repr(getattr(method, noun)) for noun in ("threat", "solver", "schedule", "objective")}
    nouns["dial"] = type(method.dial).__name__
    passes = method.schedule.passes(method.schedule.init())
    return {"name": name, "summary": doc.splitlines()[0], "paper": " ".join(paper.split()), "nouns": nouns, "passes": passes}


def _overview() -> str:
    rows = [f"  {name:10} {(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(["robustdial: train once, dial at test time\n", "commands:", *rows, "\nflags: robustdial COMMAND --help"])
