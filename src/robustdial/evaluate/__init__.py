"""Measuring: attacks, accuracies with intervals, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, clean_accuracy, measure, right
from robustdial.evaluate.attack import Attack, PGDAttack, parse
from robustdial.evaluate.frontier import frontier, point

__all__ = [
    "Accuracy",
    "Attack",
    "Measured",
    "PGDAttack",
    "clean_accuracy",
    "frontier",
    "measure",
    "parse",
    "point",
    "right",
]
