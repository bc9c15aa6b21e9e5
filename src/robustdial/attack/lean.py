"""The same attack with fewer iterations."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from robustdial.attack.base import Attack
from robustdial.attack.cascade import Cascade

_COUNTS = "steps", "queries"


def lean(attack: Attack, share: float) -> Attack:
    """`attack` with a share of its iterations, at least one; what it leaves standing is an upper bound.

    Raises:
        ValueError: `share` is not above 0 and at most 1, or the attack has no iterations to leave out.

    >>> from robustdial.attack import APGD, Square
    >>> lean(Cascade((APGD(), Square()), "two"), 0.1).name, lean(Square(), 0.1).name, lean(APGD(), 0.1).name
    ('two at 10%', 'square-500', 'apgd-ce-10')
    """
    if not 0 < share <= 1:
        raise ValueError(f"--budget {share:g} is not a share of the iterations. Give one above 0 and at most 1.")
    if share == 1:
        return attack
    if isinstance(attack, Cascade):
        return Cascade(tuple(lean(part, share) for part in attack.attacks), f"{attack.title} at {share:.0%}")
    fewer = _fewer(attack, share)
    if not fewer:
        raise ValueError(f"{attack.name} has no iterations to leave out. Give --budget 1.")
    shorter: Attack = replace(attack, **fewer)  # type: ignore[type-var]
    return shorter


def _fewer(attack: Any, share: float) -> dict[str, int]:
    names = [f.name for f in fields(attack) if f.name in _COUNTS] if is_dataclass(attack) else []
    return {name: max(1, round(share * getattr(attack, name))) for name in names}
