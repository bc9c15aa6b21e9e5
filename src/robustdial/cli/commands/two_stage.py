"""Standard training before a recipe, in a run of its own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from robustdial import record
from robustdial.cli.commands.training_progress import train_with_progress
from robustdial.cli.flags import run_of
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError
from robustdial.distributed import ALONE, World
from robustdial.method import Method
from robustdial.recipes import recipe
from robustdial.run import CHANGEABLE, Run, read_about, resume, start
from robustdial.run.about import run_of as run_in

DISTIL = 0.5
"""Share of each label that is the answer of the first network, unless another is asked for (LOG.md)."""

_RECIPE = "clean"


def two_parts(flags: Any, asked: set[str], method: Method) -> tuple[Run, Run]:
    """Settings of the first part, kept beside `--out`; and of a run that starts from it, and is taught by it.

    Args:
        flags: of the command.
        asked: names of those that were written out.
        method: that starts there; one that asks a teacher by itself is not taught labels by it besides.

    Raises UsageError if the flags name a start or a teacher themselves, or epochs that cannot be.
    """
    if flags.start or flags.teacher:
        raise UsageError("--first trains the network that --start and --teacher would name. Leave these out.")
    if flags.first < 1:
        raise UsageError(f"--first {flags.first} is no number of epochs. Give 1 or more, or leave it out.")
    beside = first_of(flags.out)
    taught = not (method.taught or flags.label_smoothing)
    distil = flags.distil if "distil" in asked else DISTIL * taught
    teacher = beside if distil or method.taught else None
    first = run_of(replace(flags, epochs=flags.first, distil=0.0, awp=0.0, out=beside))
    return first, run_of(replace(flags, pretrained=False, start=beside, teacher=teacher, distil=distil))


def first_of(out: str) -> str:
    """The folder of the first part of the run in the folder `out`: beside it.

    >>> first_of("runs/x/")
    'runs/x-first'
    """
    folder = Path(out) if Path(out).name else Path(out).absolute()
    return str(folder.with_name(f"{folder.name}-first"))


def train_first(run: Run, knobs: Mapping[str, Any], world: World = ALONE) -> int:
    """Train the first part, or go on with it; the exit code. If it is there and finished, nothing is done.

    Args:
        run: its settings.
        knobs: of the recipe that follows; what standard training shares of them, it has too.
        world: the processes that train it.

    Raises UsageError if the one that is there has another recipe or other settings. Its threat may be another one:
    standard training is only measured under it.
    """
    folder = Path(run.out)
    if (folder / record.RUN).exists():
        about, changes = read_about(folder), {name: getattr(run, name) for name in CHANGEABLE}
        if about["recipe"] != _RECIPE or replace(run_in(about), **changes) != run:
            raise UsageError(
                f"{folder} is a run with other settings than this first part. Choose another --out, or delete it."
            )
        experiment = resume(folder, changes, world=world)
        if experiment.finished:
            return 0
    else:
        shared = inspect.signature(recipe(_RECIPE)).parameters
        experiment = start(_RECIPE, {name: value for name, value in knobs.items() if name in shared}, run, world=world)
    console.print("first, without an adversary:")
    code = train_with_progress(experiment)
    if code:
        console.print("That is the first part alone. Give the whole command again, and all of it goes on.")
    return code
