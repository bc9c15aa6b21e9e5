"""Learning-rate shapes: pure functions from progress in [0, 1] to the factor on the rate, so nothing is to be saved."""

from __future__ import annotations

import math
from collections.abc import Callable

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
    """From 0 up to 1 at two fifths and down to 0 (the shape of fast adversarial training, Wong et al., ICLR 2020).

    >>> cyclic(0.2), cyclic(0.4), cyclic(1.0)
    (0.5, 1.0, 0.0)
    """
    return progress / 0.4 if progress < 0.4 else (1 - progress) / 0.6


def multistep(progress: float) -> float:
    """1, then 0.1 from half of the training on, 0.01 from three quarters on (Rice et al., ICML 2020).

    >>> multistep(0.4), multistep(0.6), multistep(0.8)
    (1.0, 0.1, 0.01)
    """
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


RATES: dict[str, Rate] = {"cosine": cosine, "cyclic": cyclic, "multistep": multistep, "constant": constant}
