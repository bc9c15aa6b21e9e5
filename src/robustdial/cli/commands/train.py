"""`robustdial train`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robustdial import record
from robustdial.cli.arguments import bind, given
from robustdial.cli.commands.next_step import print_next
from robustdial.cli.commands.training_progress import train_with_progress
from robustdial.cli.commands.two_stage import first_of, train_first, two_parts
from robustdial.cli.flags import knobs_of, preset_of, run_of, training_flags
from robustdial.cli.terminal import console
from robustdial.cli.together import join
from robustdial.cli.usage import UsageError, choose
from robustdial.distributed import World, restarted
from robustdial.own_code import absolute, is_place
from robustdial.recipes import RECIPES, recipe
from robustdial.run import CHANGEABLE, Experiment, Run, places_of, read_about, rehearse_alone, resume, start
from robustdial.run.logs import check_logs, logs_of
from robustdial.typing import Json


def train(argv: Sequence[str]) -> int:
    """Train a recipe: robustdial train oat --data cifar10 --model resnet18 --eps 8/255 --out runs/x"""
    world = join()
    name = absolute(argv[0] if is_place(argv[0]) else choose(argv[0], tuple(RECIPES), "recipe"))
    settings_of = training_flags(recipe(name), preset_of(argv).of(name))
    flags = bind(settings_of, argv[1:], f"robustdial train {name}", "method")()
    knobs = knobs_of(flags, recipe(name))
    check_logs(flags.log)
    resuming = flags.resume or (restarted() and (Path(flags.out) / record.RUN).exists())
    if flags.first and not resuming:
        return _train_in_two_parts(name, knobs, flags, given(argv), world)
    settings = run_of(flags)
    if settings.teacher and not settings.distil and not recipe(name)(**knobs).taught:
        raise UsageError(f"{name} asks no teacher. Give --distil 0.5 with --teacher, or leave it out.")
    if settings.compile:
        console.print("compile: before the run begins, which may take minutes")
    if not resuming:
        return _train(start(name, knobs, settings, world=world), flags.log)
    folder, asked = Path(settings.out), given(argv)
    if not (folder / record.RUN).exists() and (Path(first_of(settings.out)) / record.RUN).exists():
        raise UsageError(
            f"Of {folder} only the first part is there. Give the whole command again without --resume, and it goes on."
        )
    values = {
        flag: value
        for flag, value in (asdict(settings) | knobs).items()
        if flag in asked - {"out", *_of_the_first(flags)}
    }
    changes: dict[str, Json] = {flag: values.pop(flag) for flag in CHANGEABLE if flag in values}
    _check_same(folder, {"recipe": name} | values, places_of(settings))
    return _train(resume(folder, changes, world=world), flags.log)


def _train(experiment: Experiment, logs: Sequence[str]) -> int:
    # of several processes, the first one writes
    code = train_with_progress(experiment, logs_of(logs, experiment) if experiment.world.rank == 0 else ())
    if code == 0:
        print_next(experiment.folder, experiment.about)
    return code


def _of_the_first(flags: Any) -> tuple[str, ...]:
    """Flags that a run which was begun with --first has set by itself."""
    return ("pretrained", "distil", "start", "teacher", "warm") if flags.first else ()


def _train_in_two_parts(name: str, knobs: dict[str, Any], flags: Any, asked: set[str], world: World) -> int:
    """Standard training first, then the recipe from there, with the first network as its teacher."""
    record.check_free(Path(flags.out), record.RUN)
    first, then = two_parts(flags, asked, recipe(name)(**knobs))
    knobs |= {"warm": 0.0} if "warm" in knobs.keys() - asked else {}  # the first part is what that would have been
    rehearse_alone(name, knobs, then)  # what is wrong with the second part is said before the first
    return train_first(first, knobs, world) or _train(start(name, knobs, then, world=world), flags.log)


def _check_same(folder: Path, asked: Mapping[str, Json], places: Mapping[str, str]) -> None:
    """A resumed run keeps its settings; a flag that says otherwise is refused. A path is the same by its place."""
    about = read_about(folder)
    knobs = {name: knob.default for name, knob in inspect.signature(recipe(about["recipe"])).parameters.items()}
    was = {"recipe": about["recipe"], **knobs, **about["knobs"], **asdict(Run()), **about["run"]}
    kept = {flag for flag, place in places.items() if about.get("places", {}).get(flag) == place}
    for flag, value in asked.items():
        if flag not in kept and json.dumps(was[flag]) != json.dumps(value):
            raise ValueError(
                f"The run in {folder} has {flag} = {was[flag]}, not {value}. "
                "Drop the flag, or start a new run with another --out."
            )
