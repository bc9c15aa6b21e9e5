"""The paper's example: a staircase fitted by cubic splines, whose extra points are the same stair half a step on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline

from robustdial.theory.arrays import Array, numbers
from robustdial.theory.errors import Population
from robustdial.theory.labelled import Labelled


@dataclass(frozen=True)
class Staircase:
    r"""The target floor(x) on [0, stairs), and the cubic splines that are smooth where theta'P theta is small.

        T(x) = {floor(x), floor(x) + 1/2}                     what an adversary can make of x
        knots: `before`, then 0, 1/2, 1, ..., L = stairs - 1/2, then L + 1, L + 2, L + 3;   2 stairs + 2 bases
        P = D D',  D' theta = second differences of theta

    Source: Raghunathan et al., ICML 2020, and their code, which takes `before` = (-4, -3, -2) to draw the fits, and the
    default to measure errors.

    Args:
        stairs: at least 1.
        before: three ascending knots, none above 0.

    >>> from robustdial.theory import augmented, rst, standard, standard_error
    >>> stairs = Staircase(10)
    >>> labelled, extra = stairs.labelled(range(5)), stairs.extra(range(5))
    >>> everyone = stairs.population(0.01, long_tail(10))
    >>> first = standard(labelled, stairs.norm)
    >>> worse = augmented(labelled, extra, stairs.norm)
    >>> better = rst(labelled, extra, stairs.norm, everyone.covariance, everyone.points)
    >>> [float(f"{standard_error(theta, everyone):.4g}") for theta in (first, worse, better)]
    [0.00246, 3.799, 2.923e-05]
    """

    stairs: int
    before: tuple[float, float, float] = (-3, -2, -1)

    def __post_init__(self) -> None:
        if self.stairs < 1 or self.stairs % 1:
            raise ValueError(f"stairs={self.stairs} is no staircase. Take a whole number, at least 1.")
        if len(self.before) != 3 or [*self.before, 0] != sorted([*self.before, 0]):
            raise ValueError(f"before={self.before} are no ascending knots up to 0. Take some such as (-3, -2, -1).")

    def features(self, x: ArrayLike) -> Array:
        """The cubic B-splines at x `[n]` in [0, stairs - 1/2], `[n, 2 stairs + 2]`.

        >>> Staircase(2).features([0, 1.25]).round(4)
        array([[0.0667, 0.6   , 0.3333, 0.    , 0.    , 0.    ],
               [0.    , 0.    , 0.0208, 0.599 , 0.3719, 0.0083]])
        """
        x, inner = numbers("x", x, None), np.arange(2 * self.stairs) / 2
        if ((x < 0) | (x > inner[-1])).any():
            raise ValueError(f"x from {x.min():g} to {x.max():g} leaves the splines' range, 0 to {inner[-1]:g}.")
        knots = np.concatenate([self.before, inner, inner[-1] + np.arange(1, 4)])
        return np.asarray(BSpline(knots, np.eye(2 * self.stairs + 2), 3)(x))

    @property
    def norm(self) -> Array:
        """P `[2 stairs + 2, 2 stairs + 2]`; 0 for theta on a straight line."""
        second = np.diff(np.eye(2 * self.stairs + 2), n=2, axis=1)
        return second @ second.T

    def labelled(self, x: ArrayLike) -> Labelled:
        """Points at x `[n]` with their stairs as targets."""
        return Labelled(self.features(x), np.floor(numbers("x", x, None)))

    def extra(self, x: ArrayLike) -> Labelled:
        """Everything an adversary can make of points at x `[n]`, with the same targets."""
        stair = np.floor(numbers("x", x, None))
        return self.labelled(np.concatenate([stair, stair + 0.5]))

    def population(self, shift: float, weights: ArrayLike) -> Population:
        """All stairs, each met at floor(x), and with probability `shift` half a step on.

        Args:
            shift: probability, 0 to 1.
            weights: how often each stair is met, `[stairs]`; see `long_tail`.
        """
        if not 0 <= shift <= 1:
            raise ValueError(f"shift={shift:g} is no probability. Take one from 0 to 1.")
        stair = np.arange(self.stairs, dtype=np.float64)
        points = np.stack([self.features(stair), self.features(stair + 0.5)], axis=1)
        weights = numbers("weights", weights, self.stairs)
        return Population(points, stair, weights[:, None] * [1 - shift, shift])


def long_tail(stairs: int, common: int = 5) -> Array:
    """The paper's weights `[stairs]`: the first five stairs are twenty times as common as the others; they sum to 1.

    >>> long_tail(7).round(4)
    array([0.1961, 0.1961, 0.1961, 0.1961, 0.1961, 0.0098, 0.0098])
    """
    weights = np.where(np.arange(stairs) < common, 0.2, 0.01)
    return np.asarray(weights / weights.sum())
