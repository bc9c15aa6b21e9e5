"""Timing in turns: ways to do one thing run as A B C A B C ..., so that what slows the machine slows them all."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from robustdial.provenance import commit, machine

console = Console(highlight=False, width=None if Console().is_terminal else 120)


@dataclass(frozen=True)
class Timing:
    """How fast one contender was.

    Attributes:
        rates: images per second, one number per round.
    """

    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """The typical rate."""
        return statistics.median(self.rates)

    def over(self, other: Timing) -> tuple[float, float, float]:
        """How many times faster than `other`: median, smallest and largest of the ratios within each round.

        >>> Timing((4.0, 2.0, 9.0)).over(Timing((2.0, 1.0, 9.0)))
        (2.0, 1.0, 2.0)
        """
        ratios = [mine / theirs for mine, theirs in zip(self.rates, other.rates, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)


Timings = dict[str, Timing]
"""Of the contenders of one comparison, by name."""


def take_turns(
    contenders: Mapping[str, Callable[[], object]],
    images: int,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Run every contender once to warm up, then `rounds` times in turn.

    Args:
        contenders: name to one call of it.
        images: how many images a call counts for; a pass over an image may count as one.
        rounds: timed calls of each, at least 1.
        clock: seconds that have passed; `time.process_time` where one thread works, and others use the processor.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds}: nothing would be timed. Give at least 1.")
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(1 + rounds):
        for name, call in contenders.items():
            start = clock()
            call()
            rates[name].append(images / (clock() - start))
    return {name: Timing(tuple(all_of_them[1:])) for name, all_of_them in rates.items()}


def rates_table(title: str, timings: Timings, bases: Sequence[str], unit: str) -> Table:
    """Rates, and how they compare with those of the contenders `bases`: medians, and in brackets the extremes."""
    table = Table("", f"{unit}/s", *(f"over {base}" for base in bases), title=title, title_justify="left")
    for name, timing in timings.items():
        rates = f"{timing.median:.1f} ({min(timing.rates):.1f} - {max(timing.rates):.1f})"
        ratios = (timing.over(timings[base]) for base in bases)
        table.add_row(name, rates, *(f"{middle:.2f} ({low:.2f} - {high:.2f})" for middle, low, high in ratios))
    return table


def circumstances(rounds: int) -> dict[str, Any]:
    """What must stand beside the numbers for them to mean something."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        **machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": commit(),
        "rounds": rounds,
    }


def say(facts: Mapping[str, Any]) -> str:
    """The circumstances in one line."""
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)


def write(file: Path, facts: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Circumstances and results as JSON."""
    file.write_text(json.dumps({**facts, "results": results}, indent=1, default=asdict) + "\n", encoding="utf-8")
