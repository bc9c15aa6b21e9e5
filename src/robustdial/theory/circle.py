"""The directions in which one more correct point is unsafe, where two dimensions are left open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from robustdial.theory.arrays import Array, form, numbers
from robustdial.theory.gain import gain


class Directions(NamedTuple):
    """Where on the half circle an extra point raises the standard error; for a regression u and -u are the same."""

    unsafe: list[tuple[float, float]]
    """Arcs (start, end) in degrees, 0 <= start < 180, start < end, without their ends; 180 more is the same again."""

    @property
    def boundaries(self) -> list[float]:
        """Their ends in degrees, ascending, in [0, 180)."""
        return sorted({angle % 180 for arc in self.unsafe for angle in arc})

    @property
    def safe_fraction(self) -> float:
        """Share of all directions that do not raise the standard error."""
        return 1 - sum(end - start for start, end in self.unsafe) / 180


def directions(rest: ArrayLike, covariance: ArrayLike) -> Directions:
    r"""The unsafe directions of an extra point in a null space of dimension 2, exactly.

    With axes along and across the rest, S = (a b; b c), and t the tangent of the angle from the rest, the gain of the
    Euclidean norm (see `gain`) has the sign of

        2 b t^3 + (2 a - c) t^2 + a          and vanishes across the rest,

    so there are at most four boundaries, and none at all if the rest is an eigenvector of S and c <= 2 a.

    Source: the criterion of Raghunathan et al., ICML 2020; the cubic is worked out here.

    Args:
        rest: what the labelled points leave open of the truth, in coordinates of the null space: N'theta*, `[2]`.
        covariance: S in the same coordinates: N'S N, positive semidefinite, `[2, 2]`.

    >>> found = directions(rest=[1, 0.2], covariance=np.diag([1, 4]))
    >>> [round(angle, 3) for angle in found.boundaries], round(found.safe_fraction, 4)
    ([101.31, 157.219], 0.6894)
    >>> directions([1, 0.2], np.eye(2)).unsafe
    []
    """
    rest, covariance = numbers("rest", rest, 2), form("covariance", covariance, 2)
    length = np.hypot(*rest)
    if length == 0 or not covariance.any():
        return Directions([])
    along, covariance = rest / length, covariance / np.abs(covariance).max()
    axes = np.array([along, [-along[1], along[0]]])
    (a, b), (_, c) = axes @ covariance @ axes.T
    zeros = np.arctan2(along[1], along[0]) + np.sort([0.5 * np.pi, *_angles(a, b, c)])
    starts, ends = zeros, np.append(zeros[1:], zeros[0] + np.pi)
    middles = 0.5 * (starts + ends)
    gains = gain(np.zeros((0, 2)), np.stack([np.cos(middles), np.sin(middles)], 1), along, np.eye(2), covariance)
    unsafe = (gains < 0) & (ends - starts > 1e-10)
    return Directions(sorted(_from_zero(*arc) for arc in np.degrees(np.stack([starts, ends], 1)[unsafe])))


def _angles(a: float, b: float, c: float) -> Array:
    """Angles in (-90, 90) degrees, as radians, at which the cubic vanishes."""
    coefficients = np.array([2 * b, 2 * a - c, 0, a])
    roots = np.roots(np.where(np.abs(coefficients) < 1e-14, 0, coefficients))
    real: Array = roots.real[np.abs(roots.imag) < 1e-12 * (1 + np.abs(roots))]
    return np.arctan(real)


def _from_zero(start: float, end: float) -> tuple[float, float]:
    return float(start % 180), float(start % 180 + end - start)
