"""How long measuring will take, said before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from robustdial.attack import Attack
from robustdial.cli.terminal import console
from robustdial.data import Source
from robustdial.evaluate import Position, foreseen
from robustdial.method.threat import Threat
from robustdial.report.words import counted, duration
from robustdial.run import Experiment
from robustdial.typing import Classifier


def print_foreseen(
    experiment: Experiment, attack: Attack, source: Source, positions: Sequence[Position], where: Console = console
) -> None:
    """What it costs to measure a run at these positions of its dial."""
    f = experiment.at(*positions[0])
    seconds = foreseen(f, source.to(experiment.device), attack, experiment.method.threat) * len(positions)
    where.print(f"cost: {counted(len(positions), 'position')} x {_told(attack, len(source), seconds)}", soft_wrap=True)


def print_foreseen_of(f: Classifier, attack: Attack, source: Source, threat: Threat, share: float = 1.0) -> None:
    """What it costs to attack a network on a share of the images."""
    seconds = share * foreseen(f, source, attack, threat)
    console.print(f"cost: {_told(attack, round(share * len(source)), seconds)}", soft_wrap=True)


def _told(attack: Attack, images: int, seconds: float) -> str:
    return f"{images:,} images under {attack.name}, at most about {duration(seconds)} on this machine"
