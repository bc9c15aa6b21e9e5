"""Measuring: attacks, accuracies with intervals, costs, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, clean_accuracy, measure, right
from robustdial.evaluate.apgd import APGD, APGDTargeted
from robustdial.evaluate.attack import Attack, PGDAttack
from robustdial.evaluate.autoattack import AutoAttack
from robustdial.evaluate.cost import Cost, cost
from robustdial.evaluate.cross import Cross, OverLambdas, cross
from robustdial.evaluate.estimate import Estimate, over_images, over_seeds
from robustdial.evaluate.fab import FAB
from robustdial.evaluate.frontier import Position, frontier, point
from robustdial.evaluate.latency import Latency, latencies
from robustdial.evaluate.losses import dlr, dlr_targeted, margin
from robustdial.evaluate.named import parse
from robustdial.evaluate.square import Square
from robustdial.evaluate.transfer import FromAnother

__all__ = [
    "APGD",
    "FAB",
    "APGDTargeted",
    "Accuracy",
    "Attack",
    "AutoAttack",
    "Cost",
    "Cross",
    "Estimate",
    "FromAnother",
    "Latency",
    "Measured",
    "OverLambdas",
    "PGDAttack",
    "Position",
    "Square",
    "clean_accuracy",
    "cost",
    "cross",
    "dlr",
    "dlr_targeted",
    "frontier",
    "latencies",
    "margin",
    "measure",
    "over_images",
    "over_seeds",
    "parse",
    "point",
    "right",
]
