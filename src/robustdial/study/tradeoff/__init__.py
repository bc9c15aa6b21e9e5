"""Measuring a trained run: its frontier over lambda and width, a choice on it, and what its lambdas share.

    positions.py   where on the dial
    points.py      one position on the test or the validation part
    costs.py       parameters, multiply-adds and latency of each width
    attacked.py    which attack, where the name does not say
    ledger.py      points under the same conditions, in a file that is written after each of them
    frontier.py    the trade-off of a run, on the test part
    decision.py    points and targets to a choice, without a network
    choosing.py    search on the validation part, one look at the test part
    crossing.py    attack and network at different lambdas
    pictures.py    a few images with their adversaries

Accuracies are measured in float32 and have 95 % intervals.
"""

from robustdial.study.tradeoff.attacked import attacked_with, meant_by
from robustdial.study.tradeoff.choosing import choice_ledger, conclude, first_positions, search
from robustdial.study.tradeoff.crossing import measure_cross
from robustdial.study.tradeoff.decision import Choice, Targets, decide, next_position
from robustdial.study.tradeoff.frontier import frontier_ledger, measure_frontier
from robustdial.study.tradeoff.ledger import Ledger
from robustdial.study.tradeoff.pictures import take_pictures
from robustdial.study.tradeoff.points import add_score, measure_point, part_of, test_images, val_images
from robustdial.study.tradeoff.positions import lambdas_of, positions_of, widths_of

__all__ = [
    "Choice",
    "Ledger",
    "Targets",
    "add_score",
    "attacked_with",
    "choice_ledger",
    "conclude",
    "decide",
    "first_positions",
    "frontier_ledger",
    "lambdas_of",
    "meant_by",
    "measure_cross",
    "measure_frontier",
    "measure_point",
    "next_position",
    "part_of",
    "positions_of",
    "search",
    "take_pictures",
    "test_images",
    "val_images",
    "widths_of",
]
