"""Measuring: attacks, accuracies with intervals, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, clean_accuracy, measure, right
from robustdial.evaluate.attack import Attack, PGDAttack, margin, parse
from robustdial.evaluate.estimate import Estimate, over_images, over_seeds
from robustdial.evaluate.fab import FAB
from robustdial.evaluate.frontier import frontier, point
from robustdial.evaluate.square import Square

__all__ = [
    "FAB",
    "Accuracy",
    "Attack",
    "Estimate",
    "Measured",
    "PGDAttack",
    "Square",
    "clean_accuracy",
    "frontier",
    "margin",
    "measure",
    "over_images",
    "over_seeds",
    "parse",
    "point",
    "right",
]
