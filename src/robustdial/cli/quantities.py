"""Numbers with units, as people write them on a command line."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, cast, get_args

from robustdial.cli.usage import UsageError, choose

if TYPE_CHECKING:
    from robustdial.method.threat import Threat


def radius(text: str, said: str = "") -> float:
    """A radius as people write it; an error says where it stood, `said`, by default behind --eps.

    >>> radius("8/255") == radius("8px") == 8 / 255, radius("0.5")
    (True, 0.5)
    """
    number, shares = text.removesuffix("px"), 255 if text.endswith("px") else 1
    try:
        if shares > 1 and "/" in number:  # 8/255px is divided twice
            raise ValueError
        return float(Fraction(number)) / shares
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(f"{said or f'--eps {text}'} is not a radius. Write it as 8/255, 8px or 0.031.") from None


def threats(text: str) -> Threat:
    """A norm with its radius (of l0, pixels), or several joined by +, as the union of their balls.

    >>> threats("linf:8px+l1:12").name, threats("l2:0.5").name, threats("l0:24")
    ('Linf 8/255 + L1 12', 'L2', L0(pixels=24))
    """
    from robustdial.method.threat import Union
    from robustdial.recipes import Norm, threat_of
    from robustdial.recipes.norms import sparse

    balls = []
    for part in text.split("+"):
        norm, colon, size = part.strip().partition(":")
        choose(norm, (*get_args(Norm), "l0"), "norm")
        if not colon or not size:
            raise UsageError(f"--threat {text}: {norm} has no radius. Write it behind a colon: {norm}:0.5.")
        number = radius(size, f"--threat {text}: {size}")
        balls.append(sparse(number) if norm == "l0" else threat_of(cast(Norm, norm), number))
    return Union(tuple(balls)) if len(balls) > 1 else balls[0]


def share(text: str, flag: str) -> float:
    """A share as people write it.

    >>> share("0.92", "--clean-min"), share("92%", "--clean-min")
    (0.92, 0.92)
    """
    found = _number(text.removesuffix("%"), f"{flag} {text}", "Write 0.92 or 92%.")
    if text.endswith("%") and not 0 <= found <= 100:
        raise UsageError(f"{flag} {text} is not a share. Give one from 0% to 100%.")
    return found / (100 if "%" in text else 1)


def seconds(text: str, flag: str) -> float:
    """A time as people write it, with its unit.

    >>> seconds("5ms", "--latency-max"), seconds("300us", "--latency-max"), seconds("0.02s", "--latency-max")
    (0.005, 0.0003, 0.02)
    """
    units = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "s": 1.0}
    unit = next((unit for unit in units if text.endswith(unit)), None)
    remedy = "Write it with its unit: 5ms, 300us or 0.02s."
    if unit is None:
        raise UsageError(f"{flag} {text} is not a time. {remedy}")
    return _number(text.removesuffix(unit), f"{flag} {text}", remedy) * units[unit]


def count(text: str, flag: str) -> float:
    """A number of things as people write it.

    >>> count("100M", "--macs-max"), count("2e6", "--params-max")
    (100000000.0, 2000000.0)
    """
    units = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
    unit = next((unit for unit in units if text.endswith(unit)), "")
    return _number(text.removesuffix(unit), f"{flag} {text}", "Write 100M, 1.5G, 200k or 1e8.") * units.get(unit, 1.0)


def _number(text: str, what: str, remedy: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"{what} is not a number. {remedy}") from None
    if not math.isfinite(number):
        raise UsageError(f"{what} is not finite. {remedy}")
    return number
