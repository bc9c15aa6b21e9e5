"""The customary threats by name, as recipes take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from robustdial.checks import finite, one_of
from robustdial.method.threat import L0, L1, L2, Ball, Linf

Norm = Literal["linf", "l2", "l1"]


BALLS: dict[Norm, Callable[[float], Ball]] = {"linf": Linf, "l2": L2, "l1": L1}


def sparse(pixels: float) -> L0:
    """The images in which so many pixels differ. Raises ValueError unless that is a whole number from 1 on.

    >>> sparse(24.0)
    L0(pixels=24)
    """
    if not (pixels >= 1 and pixels == int(pixels)):
        raise ValueError(f"l0:{pixels:g} is no number of pixels. Give a whole one from 1 on, for example l0:24.")
    return L0(int(pixels))


def threat_of(norm: Norm, eps: float) -> Ball:
    """The ball of radius `eps`. Raises ValueError for another norm, and unless `eps` is positive, in linf at most 1.

    >>> threat_of("l2", 0.5)
    L2(eps=0.5)
    """
    one_of("norm", norm, get_args(Norm))
    finite("eps", eps, "Write 8 grey levels as px(8), or as 8/255 without quotes.")
    if not eps > 0:
        raise ValueError(f"eps={eps:g} leaves the adversary no room. Give a positive radius, for example 8/255.")
    if norm == "linf" and eps > 1:
        raise ValueError(
            f"eps={eps:g} is more than the whole range of a pixel, [0, 1]. Did you mean {eps:g}/255, or {eps:g}px "
            f"(px({eps:g}) in Python)?"
        )
    return BALLS[norm](eps)
