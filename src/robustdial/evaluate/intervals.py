"""A mean with its interval, over seeds or over images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TypedDict

from scipy.special import stdtrit

from robustdial.evaluate.accuracy import Accuracy


class Estimate(TypedDict):
    """A mean and the ends of its 95 % interval, None where one value tells nothing of the spread."""

    mean: float
    low: float | None
    high: float | None


def over_seeds(values: Sequence[float]) -> Estimate | None:
    """Mean and 95 % t-interval over independent runs; None without any.

    >>> estimate = over_seeds([0.5, 0.6, 0.7])
    >>> round(estimate["mean"], 3), round(estimate["low"], 3), round(estimate["high"], 3)
    (0.6, 0.352, 0.848)
    """
    if not values:
        return None
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return {"mean": mean, "low": None, "high": None}
    half = float(stdtrit(n - 1, 0.975)) * statistics.stdev(values) / math.sqrt(n)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def over_images(share: float, n: int) -> Estimate:
    """A share of `n` images and its 95 % Wilson interval: what is known of it from one run."""
    low, high = Accuracy(round(share * n), n).interval
    return {"mean": share, "low": low, "high": high}
