"""Whether an attack can move where a threat lets it."""

from __future__ import annotations

from robustdial.attack.base import Attack
from robustdial.attack.cascade import Cascade
from robustdial.attack.deepfool import DeepFool
from robustdial.attack.fab import FAB
from robustdial.attack.search import Grid, turns_and_moves
from robustdial.attack.square import Square
from robustdial.threat import L2, Ball, Linf, Threat


def check_suits(attack: Attack, threat: Threat) -> None:
    """Raise ValueError, naming what can, if `attack` or a part of it cannot move in `threat`.

    >>> from robustdial.attack.named import parse
    >>> from robustdial.threat import spatial
    >>> check_suits(parse("apgd-ce+worst-of-10"), spatial())
    >>> check_suits(parse("autoattack"), spatial())
    Traceback (most recent call last):
    ValueError: fab-t moves in Linf and L2, not in Warp. Choose from apgd-ce, apgd-t, pgd-K, cw-K and worst-of-K.
    """
    for part in attack.attacks if isinstance(attack, Cascade) else (attack,):
        if isinstance(part, FAB) and not isinstance(threat, Linf | L2):
            where = "Linf and L2"
        elif isinstance(part, DeepFool | Square) and not isinstance(threat, Ball):
            where = "Linf and L2, masked or not"
        elif isinstance(part, Grid) and not turns_and_moves(threat):
            where = "rotations and translations alone"
        else:
            continue
        raise ValueError(
            f"{part.name} moves in {where}, not in {threat.name}. Choose from apgd-ce, apgd-t, pgd-K, cw-K and "
            "worst-of-K."
        )
