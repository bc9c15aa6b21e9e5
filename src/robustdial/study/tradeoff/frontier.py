"""The trade-off of a run over lambda and width, on test images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from robustdial import record
from robustdial.attack import Attack
from robustdial.evaluate import Position
from robustdial.run import Experiment
from robustdial.study.tradeoff.ledger import Ledger
from robustdial.study.tradeoff.points import test_images
from robustdial.typing import Json


def measure_frontier(
    experiment: Experiment, positions: Sequence[Position], attack: Attack, n: int | None = None, seed: int = 0
) -> Iterator[dict[str, Json]]:
    """Measure each position on test images, in float32, and write `frontier.json` after each.

    What the file holds already under the same conditions (`Ledger`) is not measured again and stays in it. A network
    without a dial has one position, its `lam` None. Raises ValueError if a position is off the dial, before the first
    one is measured.
    """
    for position in positions:
        experiment.at(*position)
    ledger = frontier_ledger(experiment, attack, n, seed, [width for _, width in positions])
    for position in positions:
        yield ledger.measure(position)
    ledger.write()


def frontier_ledger(
    experiment: Experiment, attack: Attack, n: int | None, seed: int, widths: Sequence[float] = ()
) -> Ledger:
    """`frontier.json` of a run under these conditions, for these widths besides the trained ones."""
    images = test_images(experiment, n)
    return Ledger(experiment.folder / record.FRONTIER, experiment, "test", images, attack, seed, tuple(widths))
