"""Measuring: accuracies with intervals, costs, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, right
from robustdial.evaluate.cost import Cost, cost
from robustdial.evaluate.cross import Cross, OverLambdas, cross
from robustdial.evaluate.estimate import Estimate, over_images, over_seeds
from robustdial.evaluate.frontier import Position, frontier, point
from robustdial.evaluate.latency import Latency, latencies
from robustdial.evaluate.measure import classes_of, clean_accuracy, measure
from robustdial.evaluate.standing import STANDS, Advance, Standing, stages, stand

__all__ = [
    "STANDS",
    "Accuracy",
    "Advance",
    "Cost",
    "Cross",
    "Estimate",
    "Latency",
    "Measured",
    "OverLambdas",
    "Position",
    "Standing",
    "classes_of",
    "clean_accuracy",
    "cost",
    "cross",
    "frontier",
    "latencies",
    "measure",
    "over_images",
    "over_seeds",
    "point",
    "right",
    "stages",
    "stand",
]
