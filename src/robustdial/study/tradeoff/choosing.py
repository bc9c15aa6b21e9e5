"""Choosing a position: search on the validation part, then one look at the test part.

The best of many points on the same images is partly the luckiest, so its accuracy there is too high. Points are
therefore compared on the validation part, in `choose.json`, and the one that was chosen is measured once on the test
part. (The checkpoint was chosen on the validation part too, among epochs; no test image had a say in either.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from robustdial import record
from robustdial.attack import Attack
from robustdial.evaluate import Position
from robustdial.run import Experiment
from robustdial.study.tradeoff.decision import Choice, Point, Targets, checks, decide, excess, next_position
from robustdial.study.tradeoff.frontier import frontier_ledger
from robustdial.study.tradeoff.ledger import Ledger
from robustdial.study.tradeoff.points import measure_point, val_images
from robustdial.typing import Json


def choice_ledger(
    experiment: Experiment, attack: Attack, n: int | None = None, seed: int = 0, widths: Sequence[float] = ()
) -> Ledger:
    """`choose.json` of a run under these conditions: points on `n` validation images, at these widths too."""
    images = val_images(experiment, n)
    return Ledger(experiment.folder / record.CHOOSE, experiment, "val", images, attack, seed, tuple(widths))


def search(ledger: Ledger, targets: Targets, refine: int = 4) -> Iterator[Point]:
    """Measure what the decision needs: the trained lambdas of every width that is not too dear, then between them.

    Args:
        ledger: where the points go; what it holds already is not measured again.
        targets: what is asked.
        refine: most measurements between trained lambdas.
    """
    for position in first_positions(ledger, targets):
        yield ledger.measure(position)
    for _ in range(refine):
        promising = next_position(ledger.all_points(), targets)
        if promising is None or excess(ledger.cost_at(Position(*promising)), targets):
            return
        yield ledger.measure(Position(*promising))


def first_positions(ledger: Ledger, targets: Targets) -> list[Position]:
    """The positions to measure first: of every cost that is within the targets, all lambdas to measure.

    If no cost is, those of the one that exceeds them least.
    """
    dial = ledger.experiment.method.dial
    beyond = {(row["lam"], row["width"]): excess(row, targets) for row in ledger.cost["costs"]}
    least = min(beyond.values())
    return [
        Position(lam, width)
        for width in dict.fromkeys(width for _, width in beyond)
        for lam in dial.lambdas
        if beyond[dial.costs_like(lam), width] <= least
    ]


def conclude(ledger: Ledger, targets: Targets, n: int | None = None) -> dict[str, Json]:
    """Decide among the points there are, measure the chosen one on `n` test images, and write both to `choose.json`.

    Where `frontier.json` was measured under the same conditions, the point is taken from it or added to it.
    """
    choice = decide(ledger.all_points(), targets)
    test = _on_test_images(ledger, Position(choice.point["lam"], choice.point["width"]), n)
    answer = _told(choice, test, targets) | {"timing": ledger.cost["timing"]}
    ledger.write(answer=answer)
    return answer


def _on_test_images(ledger: Ledger, at: Position, n: int | None) -> Point:
    run, attack, seed = ledger.experiment, ledger.attack, ledger.seed
    frontier = frontier_ledger(run, attack, n, seed, [at.width])
    if frontier.points:
        return frontier.measure(at) | ledger.cost_at(at)  # the clock of this ledger, whenever that one ran
    # under other conditions the ledger would begin anew, and what it holds was dear
    return measure_point(run, at.lam, attack, n, seed, width=at.width) | ledger.cost_at(at)


def _told(choice: Choice, test: Point, targets: Targets) -> dict[str, Json]:
    return {
        "targets": {name: value for name, value in asdict(targets).items() if value is not None},
        "aim": targets.aim,
        "met": choice.met,
        "lam": choice.point["lam"],
        "width": choice.point["width"],
        "val": choice.point,
        "val_checks": [check._asdict() for check in choice.checks],
        "test": test,
        "test_checks": [check._asdict() for check in checks(test, targets)],
    }
