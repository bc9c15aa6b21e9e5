"""What the terminal says before the work begins."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from robustdial.cli.terminal import console
from robustdial.own_code import named
from robustdial.report.words import duration
from robustdial.run import Experiment
from robustdial.run.estimate import Cost


def print_cost(cost: Cost, experiment: Experiment) -> None:
    """What the run is, and what it will cost."""
    about = experiment.about
    model, data = about["model"], about["data"]
    told = (
        f" on {data['name']}: {data['train']:,} images to train, "
        f"{data['val']:,} to choose the checkpoint, {data['test']:,} to test; "
        f"{named(model['name'])}, {model['parameters']:,} parameters; "
        f"{about['run']['precision']} on {about['run']['device']}"
    )
    console.print(Text.assemble((named(about["recipe"]), "bold"), told), soft_wrap=True)
    grows = f"; at most {cost.growth:.1f} times that, as its adversary grows" if cost.growth > 1 else ""
    console.print(
        f"cost: {cost.images:,} images x {cost.passes / max(cost.images, 1):.1f} passes = {cost.passes:,} passes, "
        f"about {duration(cost.seconds)} ({cost.seconds / 3600:.2f} h) on this machine, validation included "
        f"({duration(cost.validation)}){grows}",
        soft_wrap=True,
    )
    if "compiled" in about:
        found = about["compiled"]
        console.print(f"compile: {'yes' if found['yes'] else 'no'}, {found['why']}", markup=False, soft_wrap=True)


def print_notes(notes: Sequence[str], where: Console = console) -> None:
    """What was decided for the reader when the data was read, a line each."""
    for note in notes:
        where.print(f"data: {note}", markup=False, emoji=False, soft_wrap=True)
