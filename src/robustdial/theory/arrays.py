"""What comes in at the public door becomes float64 arrays of the right shape, or a line that says what is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def numbers(name: str, value: ArrayLike, *shape: int | None) -> Array:
    """A float64 array of finite numbers; None in `shape` stands for any length.

    >>> numbers("y", [1, 2], None)
    array([1., 2.])
    >>> numbers("x", [1, 2], None, 3)
    Traceback (most recent call last):
        ...
    ValueError: x has shape [2]; it must have shape [any, 3].
    """
    array = np.asarray(value, dtype=np.float64)
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} has shape {list(array.shape)}; it must have shape [{wanted}].")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite. Remove them, or mend the features.")
    return array


def form(name: str, value: ArrayLike, size: int) -> Array:
    """The matrix `[size, size]` of a quadratic form that is nowhere negative.

    >>> form("S", [[1, 0], [0, -1]], 2)
    Traceback (most recent call last):
        ...
    ValueError: S has the eigenvalue -1, so it is no (semi)norm. Pass a positive semidefinite matrix, such as D @ D.T.
    >>> form("norm", [[1, 2], [0, 1]], 2)
    Traceback (most recent call last):
        ...
    ValueError: norm is not symmetric. Pass (M + M.T) / 2, which has the same quadratic form.
    """
    matrix = numbers(name, value, size, size)
    slack = 1e-10 * np.abs(matrix).max(initial=0)
    if np.abs(matrix - matrix.T).max(initial=0) > slack:
        raise ValueError(f"{name} is not symmetric. Pass (M + M.T) / 2, which has the same quadratic form.")
    least = np.linalg.eigvalsh(matrix).min(initial=0)
    if least < -slack:
        raise ValueError(
            f"{name} has the eigenvalue {least:.3g}, so it is no (semi)norm. "
            "Pass a positive semidefinite matrix, such as D @ D.T."
        )
    return matrix
