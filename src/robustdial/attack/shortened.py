"""The same attack with fewer iterations."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from robustdial.attack.base import Attack
from robustdial.attack.cascade import Cascade

_COUNTS = "steps", "queries"


def shortened(attack: Attack, budget: float) -> Attack:
    """`attack` with a share of its iterations, at least one; what it leaves standing is an upper bound.

    Raises:
        ValueError: `budget` is not above 0 and at most 1, or the attack has no iterations to leave out.

    >>> from robustdial.attack import APGD, Square
    >>> [shortened(a, 0.1).name for a in (Cascade((APGD(), Square()), "two"), Square(), APGD())]
    ['two at 10%', 'square-500', 'apgd-ce-10']
    """
    if not 0 < budget <= 1:
        raise ValueError(f"--budget {budget:g} is not a share of the iterations. Give one above 0 and at most 1.")
    if budget == 1:
        return attack
    if isinstance(attack, Cascade):
        return Cascade(tuple(shortened(part, budget) for part in attack.attacks), f"{attack.title} at {budget:.0%}")
    fewer = _fewer(attack, budget)
    if not fewer:
        raise ValueError(f"{attack.name} has no iterations to leave out. Give --budget 1.")
    shorter: Attack = replace(attack, **fewer)  # type: ignore[type-var]
    return shorter


def _fewer(attack: Any, budget: float) -> dict[str, int]:
    names = [f.name for f in fields(attack) if f.name in _COUNTS] if is_dataclass(attack) else []
    return {name: max(1, round(budget * getattr(attack, name))) for name in names}
