"""The predictors that meet linear equations, and those among them that are nearest in a (semi)norm.

Nearest points of an affine set are an affine set again, a single point if the norm is definite on it. So every
estimator here is a chain: the set of the constraints, of those the nearest in a norm, of those the smallest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robustdial.theory.arrays import Array

RANK = 1e-12
"""Share of the largest singular value, or eigenvalue, below which a direction counts as not seen at all."""


@dataclass(frozen=True, eq=False)
class Affine:
    r"""All theta = point + basis z.

    Args:
        point: the one of smallest Euclidean length, that is basis'point = 0, `[d]`.
        basis: orthonormal columns, `[d, k]`; k = 0 is a single point.

    >>> line = Affine.where(np.array([[1, 1]]), np.array([2]))
    >>> line.point.round(12)
    array([1., 1.])
    >>> line.nearest(np.diag([1, 0]), to=np.array([0, 5])).point.round(12)  # only the first coordinate counts
    array([0., 2.])
    """

    point: Array
    basis: Array

    @classmethod
    def where(cls, a: Array, b: Array) -> Affine:
        """All theta with a theta = b.

        Equations may repeat or depend on one another.

        Args:
            a: `[m, d]`, `b`: `[m]`.

        Raises:
            ValueError: no theta meets all equations.

        >>> Affine.where(np.array([[1, 0], [2, 0]]), np.array([1, 3]))
        Traceback (most recent call last):
            ...
        ValueError: The constraints contradict one another: the theta that comes closest misses one by 0.4. ...
        """
        q, r = np.linalg.qr(a)  # the SVD of r is small however many equations there are
        u, values, v = np.linalg.svd(r)
        rank = int((values > RANK * values.max(initial=0)).sum())
        point = v[:rank].T @ ((u.T @ (q.T @ b))[:rank] / values[:rank])
        miss = np.abs(a @ point - b).max(initial=0)
        rounding = 1e-12 * np.abs(a).max(initial=0)  # targets of 0 that were computed are not quite 0
        if miss > 1e-8 * np.abs(b).max(initial=0) + rounding:
            raise ValueError(
                f"The constraints contradict one another: the theta that comes closest misses one by {miss:.3g}. "
                "Give points with equal features equal targets, and put only points with equal targets into a group."
            )
        return cls(point, v[rank:].T)

    def nearest(self, metric: Array, to: Array) -> Affine:
        """Those of the set that minimise (theta - to)' metric (theta - to).

        Args:
            metric: positive semidefinite, `[d, d]`.
            to: `[d]`.
        """
        values, vectors = np.linalg.eigh(self.basis.T @ metric @ self.basis)
        seen = values > RANK * np.abs(metric).max(initial=0)
        step = vectors[:, seen] / values[seen] @ (vectors[:, seen].T @ (self.basis.T @ (metric @ (to - self.point))))
        # the step leaves out the basis that remains, so that the point stays the smallest
        return Affine(self.point + self.basis @ step, self.basis @ vectors[:, ~seen])
