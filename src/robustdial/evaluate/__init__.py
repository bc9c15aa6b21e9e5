"""Measuring: accuracies with intervals, also in bad weather and on other backgrounds; costs, the frontier, checks.

May import `attack`, `method`, `data` and the ground; knows no run, no folder and no command. In: a network, a
source of images, an attack and a threat. Out: counts, accuracies with intervals, and what may be wrong with them.
"""

from robustdial.evaluate.accuracy import Accuracy, Measured, right
from robustdial.evaluate.background import Changed, background, background_of
from robustdial.evaluate.confusion import confusion
from robustdial.evaluate.corrupted import Corrupted, corrupted, mean_accuracy
from robustdial.evaluate.cost import Cost, cost
from robustdial.evaluate.cross import Cross, OverLambdas, cross
from robustdial.evaluate.curve import SHARES, AtRadius, curve
from robustdial.evaluate.fit_nuts import fit_nuts
from robustdial.evaluate.foreseen import foreseen
from robustdial.evaluate.frontier import Position, frontier, point
from robustdial.evaluate.intervals import Estimate, over_images, over_seeds
from robustdial.evaluate.latency import Latency, latencies
from robustdial.evaluate.measure import classes_of, clean_accuracy, measure
from robustdial.evaluate.several import UnderEach, in_all, measure_each, under_each
from robustdial.evaluate.survivors import UNBROKEN, Advance, Survivors, attacks_of, run_cascade
from robustdial.evaluate.unseen import Trial, Unseen, panel, unseen, warps
from robustdial.evaluate.verdict import AT_CHANCE, UNMOVED, at_chance, unmoved, verdicts

__all__ = [
    "AT_CHANCE",
    "SHARES",
    "UNBROKEN",
    "UNMOVED",
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
    "UnderEach",
    "Unseen",
    "at_chance",
    "attacks_of",
    "background",
    "background_of",
    "classes_of",
    "clean_accuracy",
    "confusion",
    "corrupted",
    "cost",
    "cross",
    "curve",
    "fit_nuts",
    "foreseen",
    "frontier",
    "in_all",
    "latencies",
    "mean_accuracy",
    "measure",
    "measure_each",
    "over_images",
    "over_seeds",
    "panel",
    "point",
    "right",
    "run_cascade",
    "under_each",
    "unmoved",
    "unseen",
    "verdicts",
    "warps",
]
