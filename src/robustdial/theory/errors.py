"""What a predictor is worth over a population: the standard error, and the robust error of the worst in each group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from robustdial.theory.arrays import Array, numbers


@dataclass(frozen=True, eq=False)
class Population:
    """Points in groups: a point and what an adversary can make of it, all with the same target.

    Args:
        points: features, `[g, k, d]`; repeat a member with weight 0 where a group has fewer than k.
        y: target of each group, `[g]`.
        weights: how often each member is met, at least 0, `[g, k]`.

    >>> two = Population(points=[[[1, 0], [1, 1]], [[0, 1], [1, 1]]], y=[1, 2], weights=[[0.5, 0.1], [0.4, 0]])
    >>> two.covariance
    array([[0.6, 0.1],
           [0.1, 0.5]])
    """

    points: Array
    y: Array
    weights: Array

    def __post_init__(self) -> None:
        points = numbers("points", self.points, None, None, None)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "y", numbers("y", self.y, len(points)))
        object.__setattr__(self, "weights", numbers("weights", self.weights, *points.shape[:2]))
        if (self.weights < 0).any():
            raise ValueError(f"weights hold {self.weights.min():g}. A point is met 0 times or more: make it 0.")

    @property
    def covariance(self) -> Array:
        """S = E x x', not centred, `[d, d]`."""
        x = self.points.reshape(-1, self.points.shape[-1])
        return (x.T * self.weights.ravel()) @ x


def standard_error(theta: ArrayLike, population: Population) -> float:
    r"""Mean squared error over the points as they are met.

        sum_ij w_ij (x_ij'theta - y_i)^2    =    (theta - theta*)' S (theta - theta*)    if theta* has no error

    Args:
        theta: `[d]`.
        population: groups i with members j.

    >>> standard_error([1, 1], Population([[[1, 0], [1, 1]]], [1], [[0.9, 0.1]]))
    0.1
    """
    return float((population.weights * _squares(theta, population)).sum())


def robust_error(theta: ArrayLike, population: Population) -> float:
    r"""Mean over the groups of the largest squared error within.

        sum_i (sum_j w_ij) max_j (x_ij'theta - y_i)^2

    Args:
        theta: `[d]`.
        population: groups i with members j; members of weight 0 count in the maximum.

    >>> robust_error([1, 1], Population([[[1, 0], [1, 1]]], [1], [[0.9, 0.1]]))
    1.0
    """
    return float((population.weights.sum(1) * _squares(theta, population).max(1)).sum())


def _squares(theta: ArrayLike, population: Population) -> Array:
    theta = numbers("theta", theta, population.points.shape[-1])
    return np.square(population.points @ theta - population.y[:, None])
