"""Whether an attack can move where a threat lets it."""

from __future__ import annotations

from itertools import product

from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.base import Attack, PGDAttack, ThreatSpecific
from robustdial.attack.cascade import Cascade
from robustdial.attack.fgsm import FGSM
from robustdial.attack.transfer import FromAnother
from robustdial.method.threat import L0, Threat, balls_of

_CLIMBERS = (APGD, APGDTargeted, FGSM, PGDAttack)


def check_supports(attack: Attack, threat: Threat) -> None:
    """Raise ValueError, naming what can, if `attack` or a part of it cannot move in `threat`, or in a ball of it.

    >>> from robustdial.attack.named import parse
    >>> from robustdial.method.threat import spatial
    >>> check_supports(parse("apgd-ce+worst-of-10"), spatial())
    >>> check_supports(parse("autoattack"), spatial())
    Traceback (most recent call last):
    ValueError: fab-t moves in Linf, L2 and L1, not in Warp. Choose from apgd-ce, apgd-t, pgd-K, cw-K and worst-of-K.
    >>> check_supports(parse("pgd-20"), L0(24))
    Traceback (most recent call last):
    ValueError: pgd-20 moves in steps of a length, not in L0. Choose from saa, spgd, spgd-p, sparse-rs and worst-of-K.
    """
    parts = attack.attacks if isinstance(attack, Cascade) else (attack,)
    for part, one in product(parts, balls_of(threat)):
        where = _where(part.attack if isinstance(part, FromAnother) else part, one)
        if where is not None:
            sparse = "saa, spgd, spgd-p, sparse-rs" if isinstance(one, L0) else "apgd-ce, apgd-t, pgd-K, cw-K"
            raise ValueError(f"{part.name} moves in {where}, not in {one.name}. Choose from {sparse} and worst-of-K.")


def _where(attack: Attack, threat: Threat) -> str | None:
    """Where an attack moves that cannot move in `threat`; None of one that can."""
    if isinstance(attack, ThreatSpecific):
        return None if attack.moves_in(threat) else attack.where
    return "steps of a length" if isinstance(threat, L0) and isinstance(attack, _CLIMBERS) else None
