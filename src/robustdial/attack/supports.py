"""Whether an attack can move where a threat lets it."""

from __future__ import annotations

from itertools import product

from robustdial.attack.base import Attack, ThreatSpecific
from robustdial.attack.cascade import Cascade
from robustdial.method.threat import Threat, balls_of


def check_supports(attack: Attack, threat: Threat) -> None:
    """Raise ValueError, naming what can, if `attack` or a part of it cannot move in `threat`, or in a ball of it.

    >>> from robustdial.attack.named import parse
    >>> from robustdial.method.threat import spatial
    >>> check_supports(parse("apgd-ce+worst-of-10"), spatial())
    >>> check_supports(parse("autoattack"), spatial())
    Traceback (most recent call last):
    ValueError: fab-t moves in Linf, L2 and L1, not in Warp. Choose from apgd-ce, apgd-t, pgd-K, cw-K and worst-of-K.
    """
    parts = attack.attacks if isinstance(attack, Cascade) else (attack,)
    for part, one in product(parts, balls_of(threat)):
        if isinstance(part, ThreatSpecific) and not part.moves_in(one):
            raise ValueError(
                f"{part.name} moves in {part.where}, not in {one.name}. Choose from apgd-ce, apgd-t, pgd-K, cw-K "
                "and worst-of-K."
            )
