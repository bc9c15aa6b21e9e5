"""Measuring: attacks, accuracies with intervals, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, clean_accuracy, measure, right
from robustdial.evaluate.attack import Attack, PGDAttack, margin, parse
from robustdial.evaluate.estimate import Estimate, over_images, over_seeds
from robustdial.evaluate.frontier import frontier, point

__all__ = [
    "Accuracy",
    "Attack",
    "Estimate",
    "Measured",
    "PGDAttack",
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
