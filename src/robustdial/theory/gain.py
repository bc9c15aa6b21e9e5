"""What one more correct point does to the standard error, in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from robustdial.theory.affine import RANK, Affine
from robustdial.theory.arrays import Array, form, numbers


def gain(x: ArrayLike, extra: ArrayLike, truth: ArrayLike, norm: ArrayLike, covariance: ArrayLike) -> Array:
    r"""How far the standard error falls when one point joins the labelled ones; below 0 the point is unsafe.

        gain = L(std) - L(aug) = 2 v'S e - v'S v,     L(theta) = (theta - theta*)' S (theta - theta*)

        e = theta* - theta_std                        what is not known yet
        v = theta_aug - theta_std = N z               where the extra point x_ext moves the estimator;
        z = H^+ u (x_ext'e) / (u'H^+ u)               N spans the null space of X, H = N'P N, u = N'x_ext
        z = k (x_ext'e) / (k'k)                       instead, if k, the part of u in the null space of H, is not 0

    With the Euclidean norm, u the projection of x_ext onto the null space and rho = e'u / u'u, this is the paper's
    2 rho e'S u - rho^2 u'S u >= 0. A point is always safe if S = P on the null space, or if it is the last one missing.

    Source: Raghunathan et al., ICML 2020; seminorms are an extension of this library.

    Args:
        x: X of the labelled points, `[n, d]`; their targets are X theta*.
        extra: points x_ext, each of which joins alone, with the target x_ext'theta*, `[m, d]`.
        truth: theta*, `[d]`.
        norm: P, positive semidefinite, `[d, d]`.
        covariance: S = E x x', positive semidefinite, `[d, d]`.

    Returns:
        The gain of each extra point, `[m]`; 0 for one that the labelled points determine.

    >>> nothing, truth, covariance = np.zeros((0, 2)), [1, 0.2], np.diag([1, 4])
    >>> gain(nothing, [[1, 0], [0, 1], [-0.6, 0.8]], truth, np.eye(2), covariance).round(4)
    array([ 1.    ,  0.16  , -0.6005])
    """
    x = numbers("x", x, None, None)
    size = x.shape[1]
    extra, truth = numbers("extra", extra, None, size), numbers("truth", truth, size)
    norm, covariance = form("norm", norm, size), form("covariance", covariance, size)
    fits = Affine.where(x, x @ truth)
    rest = truth - fits.nearest(norm, np.zeros(size)).point
    moves = _moves(fits.basis, norm, extra) * (extra @ rest)[:, None]
    return np.asarray(2 * moves @ covariance @ rest - np.einsum("md,de,me->m", moves, covariance, moves))


def _moves(basis: Array, norm: Array, extra: Array) -> Array:
    """The cheapest move that raises the prediction at each extra point by 1, `[m, d]`; 0 where no move can."""
    u = extra @ basis
    values, vectors = np.linalg.eigh(basis.T @ norm @ basis)
    costly = values > RANK * np.abs(norm).max(initial=0)
    seen, free = vectors[:, costly], vectors[:, ~costly]
    paid, unpaid = u @ seen / values[costly] @ seen.T, u @ free @ free.T
    lengths = np.linalg.norm(extra, axis=1)
    is_free = np.linalg.norm(unpaid, axis=1) > RANK * lengths
    z = np.where(is_free[:, None], unpaid, paid)
    rise = (u * z).sum(1)
    is_new = np.linalg.norm(u, axis=1) > RANK * lengths
    return np.asarray(np.divide(z, rise[:, None], out=np.zeros_like(z), where=is_new[:, None]) @ basis.T)
