"""Four predictors that fit the labelled points; they differ in what decides the rest.

Where a criterion leaves several theta, all four return the one of smallest Euclidean length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from robustdial.theory.affine import Affine
from robustdial.theory.arrays import Array, form, numbers
from robustdial.theory.labelled import Labelled


def standard(labelled: Labelled, norm: ArrayLike) -> Array:
    r"""The smallest interpolant of the labelled points.

        theta_std = argmin theta' P theta    subject to    X theta = y

    Source: Raghunathan et al., ICML 2020.

    Args:
        labelled: X `[n, d]`, y `[n]`.
        norm: P, positive semidefinite, `[d, d]`.

    Returns:
        theta `[d]`.

    Raises:
        ValueError: no theta fits all points, or P is no seminorm.

    >>> standard(Labelled([[1, 1]], [2]), norm=np.diag([1, 3])).round(12)
    array([1.5, 0.5])
    """
    size = labelled.x.shape[1]
    fits = Affine.where(labelled.x, labelled.y)
    return fits.nearest(form("norm", norm, size), to=np.zeros(size)).point


def augmented(labelled: Labelled, extra: Labelled, norm: ArrayLike) -> Array:
    r"""The smallest interpolant of the labelled and the extra points: data augmentation, adversarial training.

        theta_aug = argmin theta' P theta    subject to    X theta = y,  X_ext theta = y_ext

    Its standard error can be higher than that of `standard`, although every extra target is correct. Here the truth is
    (1, 0.2), nothing is labelled at first, and errors along the second axis count fourfold:

    >>> truth, covariance, nothing = np.array([1, 0.2]), np.diag([1, 4]), Labelled(np.zeros((0, 2)), [])
    >>> extra = Labelled([[-0.6, 0.8]], [-0.6 + 0.16])
    >>> for theta in (standard(nothing, np.eye(2)), augmented(nothing, extra, np.eye(2))):
    ...     print(round(float((theta - truth) @ covariance @ (theta - truth)), 4))
    1.16
    1.7605

    Source: Raghunathan et al., ICML 2020.

    Args:
        labelled: X `[n, d]`, y `[n]`.
        extra: X_ext `[m, d]`, y_ext `[m]`.
        norm: P, positive semidefinite, `[d, d]`.

    Returns:
        theta `[d]`.

    Raises:
        ValueError: no theta fits all points, or P is no seminorm.
    """
    return standard(labelled + extra, norm)


def x_regularised(labelled: Labelled, extra: Labelled, norm: ArrayLike, covariance: ArrayLike) -> Array:
    r"""Of the interpolants of all points, the one that predicts most like `standard` on the population.

        theta = argmin (theta - theta_std)' S (theta - theta_std)    subject to    X theta = y,  X_ext theta = y_ext

    Its standard error is never above that of `standard`, if S is the second moment of the points that the error is
    taken over: it is a projection, in that very error, onto a set that holds the truth.

    Source: Raghunathan et al., ICML 2020.

    Args:
        labelled: X `[n, d]`, y `[n]`.
        extra: X_ext `[m, d]`, y_ext `[m]`.
        norm: P of the standard estimator, positive semidefinite, `[d, d]`.
        covariance: S = E x x', estimated without labels, positive semidefinite, `[d, d]`.

    Returns:
        theta `[d]`.

    Raises:
        ValueError: no theta fits all points, or P or S is no seminorm.

    >>> nothing, extra = Labelled(np.zeros((0, 2)), []), Labelled([[-0.6, 0.8]], [-0.44])
    >>> x_regularised(nothing, extra, np.eye(2), covariance=np.diag([1, 4])).round(6)
    array([ 0.507692, -0.169231])
    """
    return _most_like_standard(labelled, labelled + extra, norm, covariance)


def rst(labelled: Labelled, extra: Labelled, norm: ArrayLike, covariance: ArrayLike, groups: ArrayLike) -> Array:
    r"""Robust self-training: `x_regularised` that also predicts alike within every group of unlabelled points.

        theta = argmin E (x'theta - x'theta_std)^2     over unlabelled x, pseudo-labels by theta_std
                subject to    X theta = y,  X_ext theta = y_ext,   x'theta = x~'theta  for all x, x~ of a group

    If the truth is alike within groups too, the standard error is never above that of `standard`; and over a
    population of these groups, the robust error equals the standard error.

    Source: Raghunathan et al., ICML 2020; for deep networks also Carmon et al., Unlabeled Data Improves Adversarial
    Robustness, NeurIPS 2019.

    Args:
        labelled: X `[n, d]`, y `[n]`.
        extra: X_ext `[m, d]`, y_ext `[m]`.
        norm: P of the standard estimator, positive semidefinite, `[d, d]`.
        covariance: S = E x x' of the unlabelled points, positive semidefinite, `[d, d]`.
        groups: unlabelled points and what a perturbation makes of them, `[g, k, d]`; repeat a member to fill up.

    Returns:
        theta `[d]`.

    Raises:
        ValueError: no theta meets all constraints, or P or S is no seminorm.

    >>> one = Labelled([[1, 0, 0]], [1])
    >>> groups = [[[1, 0, 0], [1, 1, 0]], [[0, 0, 1], [0, 1, 1]]]  # a shift along the second axis changes no target
    >>> rst(one, one, np.eye(3), np.eye(3), groups).round(12) + 0.0
    array([1., 0., 0.])
    """
    size = labelled.x.shape[1]
    members = numbers("groups", groups, None, None, size)
    differences = (members[:, 1:] - members[:, :1]).reshape(-1, size)
    alike = Labelled(differences, np.zeros(len(differences)))
    return _most_like_standard(labelled, labelled + extra + alike, norm, covariance)


def _most_like_standard(labelled: Labelled, constraints: Labelled, norm: ArrayLike, covariance: ArrayLike) -> Array:
    covariance = form("covariance", covariance, labelled.x.shape[1])
    allowed = Affine.where(constraints.x, constraints.y)
    return allowed.nearest(covariance, to=standard(labelled, norm)).point
