"""Measuring: accuracies with intervals, also in bad weather and on other backgrounds; costs, the frontier."""

from robustdial.evaluate.accuracy import Accuracy, Measured, right
from robustdial.evaluate.background import Changed, background, background_of
from robustdial.evaluate.corrupted import Corrupted, corrupted, mean_accuracy
from robustdial.evaluate.cost import Cost, cost
from robustdial.evaluate.cross import Cross, OverLambdas, cross
from robustdial.evaluate.curve import SHARES, AtRadius, curve
from robustdial.evaluate.foreseen import foreseen
from robustdial.evaluate.frontier import Position, frontier, point
from robustdial.evaluate.intervals import Estimate, over_images, over_seeds
from robustdial.evaluate.latency import Latency, latencies
from robustdial.evaluate.measure import classes_of, clean_accuracy, measure
from robustdial.evaluate.survivors import UNBROKEN, Advance, Survivors, attacks_of, run_cascade
from robustdial.evaluate.unseen import Trial, Unseen, panel, unseen, warps

__all__ = [
    "SHARES",
    "UNBROKEN",
    "Accuracy",
    "Advance",
    "AtRadius",
    "Changed",
    "Corrupted",
    "Cost",
    "Cross",
    "Estimate",
    "Latency",
    "Measured",
    "OverLambdas",
    "Position",
    "Survivors",
    "Trial",
    "Unseen",
    "attacks_of",
    "background",
    "background_of",
    "classes_of",
    "clean_accuracy",
    "corrupted",
    "cost",
    "cross",
    "curve",
    "foreseen",
    "frontier",
    "latencies",
    "mean_accuracy",
    "measure",
    "over_images",
    "over_seeds",
    "panel",
    "point",
    "right",
    "run_cascade",
    "unseen",
    "warps",
]
