"""Learning-rate shapes: pure functions from progress in [0, 1] to the factor on the rate, so nothing is to be saved."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from torch.optim.lr_scheduler import LRScheduler

from robustdial.checks import fields_fit, said

Rate = Callable[[float], float]


def constant(progress: float) -> float:
    """Always 1."""
    return 1.0


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter, SGDR, ICLR 2017).

    >>> round(cosine(0.5), 6)
    0.5
    """
    return (1 + math.cos(math.pi * progress)) / 2


def cyclic(progress: float) -> float:
    """From 0 up to 1 at two fifths and down to 0 (the shape of GradAlign, Andriushchenko & Flammarion, NeurIPS 2020).

    >>> cyclic(0.2), cyclic(0.4), cyclic(1.0)
    (0.5, 1.0, 0.0)
    """
    return progress / 0.4 if progress < 0.4 else (1 - progress) / 0.6


def triangle(progress: float) -> float:
    """From 0 up to 1 at one half and down to 0 (the shape of fast training, Wong et al., ICLR 2020, and of DEAT).

    >>> triangle(0.25), triangle(0.5), triangle(1.0)
    (0.5, 1.0, 0.0)
    """
    return 1 - abs(2 * progress - 1)


@dataclass(frozen=True)
class Multistep:
    """1, then a tenth from each milestone on.

    Args:
        milestones: shares of the training, ascending; a half and three quarters are those of Rice et al., ICML 2020.

    >>> rate = Multistep()
    >>> rate(0.4), rate(0.6), rate(0.8)
    (1.0, 0.1, 0.01)
    """

    milestones: tuple[float, ...] = (0.5, 0.75)

    def __post_init__(self) -> None:
        fields_fit(self)
        if list(self.milestones) != sorted(self.milestones) or not all(0 < m < 1 for m in self.milestones):
            raise ValueError(f"milestones={self.milestones}: give ascending shares of the training, such as 0.5, 0.8.")

    def __call__(self, progress: float) -> float:
        return float(round(0.1 ** bisect_right(self.milestones, progress), 12))


@dataclass(frozen=True)
class Warmed:
    """Another rate, reached by a straight line from 0.

    Args:
        rate: what follows.
        share: of the training until it is reached, above 0.

    >>> Warmed(constant, 0.1)(0.05), Warmed(constant, 0.1)(0.5)
    (0.5, 1.0)
    """

    rate: Rate
    share: float

    def __call__(self, progress: float) -> float:
        return self.rate(progress) * min(1.0, progress / self.share)


RATES: dict[str, Rate] = {
    "cosine": cosine,
    "cyclic": cyclic,
    "triangle": triangle,
    "multistep": Multistep(),
    "constant": constant,
}


def rate_of(rate: Rate | str) -> Rate:
    """A rate, or the one of a name. Raises TypeError or ValueError if it is none."""
    if isinstance(rate, str):
        return parse(rate)
    if isinstance(rate, LRScheduler):
        raise TypeError(
            f"rate={type(rate).__name__}(...) counts steps, and a rate here follows progress, to be resumed without a "
            "state. Give a function from progress in [0, 1] to a factor, such as cosine, or call train_batch in your "
            "own loop."
        )
    if not callable(rate) or isinstance(rate, type):
        raise TypeError(
            f"rate={said(rate)} is no rate. Give a function from progress to a factor, or one of {', '.join(RATES)}."
        )
    return rate


def parse(name: str) -> Rate:
    """The rate of a name; `multistep` may name its milestones.

    >>> parse("multistep:1/2,4/5")(0.79)
    0.1
    """
    kind, colon, milestones = name.partition(":")
    try:
        if colon and kind == "multistep":
            return Multistep(tuple(float(Fraction(share)) for share in milestones.split(",")))
        if not colon:
            return RATES[kind]
    except (KeyError, ValueError, ZeroDivisionError):
        pass
    raise ValueError(f"--rate {name} is not known. Write {', '.join(RATES)}, or multistep:1/2,4/5 with milestones.")
