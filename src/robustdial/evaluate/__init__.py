"""Measuring: attacks, accuracies with intervals, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, clean_accuracy, measure, right
from robustdial.evaluate.apgd import APGD, APGDTargeted
from robustdial.evaluate.attack import Attack, PGDAttack, parse
from robustdial.evaluate.estimate import Estimate, over_images, over_seeds
from robustdial.evaluate.frontier import frontier, point
from robustdial.evaluate.losses import dlr, dlr_targeted, margin

__all__ = [
    "APGD",
    "APGDTargeted",
    "Accuracy",
    "Attack",
    "Estimate",
    "Measured",
    "PGDAttack",
    "clean_accuracy",
    "dlr",
    "dlr_targeted",
    "frontier",
    "margin",
    "measure",
    "over_images",
    "over_seeds",
    "parse",
    "point",
    "right",
]
