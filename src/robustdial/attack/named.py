"""Attacks by the names they have in reports."""

from __future__ import annotations

import re
from dataclasses import replace

from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.autoattack import autoattack, autoattack_l1, saa
from robustdial.attack.base import Attack, PGDAttack
from robustdial.attack.cascade import Cascade
from robustdial.attack.deepfool import DeepFool
from robustdial.attack.fab import FAB
from robustdial.attack.fgsm import FGSM
from robustdial.attack.losses import dlr, margin
from robustdial.attack.own import own_attack
from robustdial.attack.search import Grid, WorstOf
from robustdial.attack.sparse_rs import SparseRS
from robustdial.attack.spgd import SparsePGD
from robustdial.attack.square import Square
from robustdial.method.objective.base import cross_entropy
from robustdial.own_code import is_place

STANDARD: dict[str, Attack] = {
    "fgsm": FGSM(),
    "deepfool": DeepFool(),
    "apgd-ce": APGD(),
    "apgd-dlr": APGD(dlr, title="apgd-dlr"),
    "apgd-t": APGDTargeted(),
    "fab-t": FAB(),
    "square": Square(),
    "autoattack": autoattack(),
    "autoattack-l1": autoattack_l1(),
    "spgd": SparsePGD(),
    "spgd-p": SparsePGD(gradient="projected"),
    "sparse-rs": SparseRS(),
    "saa": saa(),
    "grid": Grid(),
}
_KNOWN = STANDARD | {attack.name: attack for attack in STANDARD.values()}  # in reports, a grid has its size


def parse(name: str) -> Attack:
    """The attack of a name as it stands in reports.

    `pgd-K` on the cross-entropy and `cw-K` on the margin, in K steps; `pgd-KxR` and `cw-KxR` from R random starts;
    `fgsm` and `deepfool`; `apgd-ce`, `apgd-dlr`, `apgd-t`, `fab-t` and `square` with the constants of AutoAttack;
    `autoattack`, the standard four in turn, and `autoattack-l1` with its constants for L1; `spgd`,
    `spgd-p` and `sparse-rs` in L0, and `saa`, these in turn; `worst-of-K` random perturbations, and the `grid` of
    rotations and translations, for threats that are no balls; and any of these in turn, joined by `+`. Or one of your
    own, `file.py:attack`: a function of network, images, labels and threat, or a class of such objects.

    >>> parse("pgd-10").steps, parse("cw-20x5").restarts, parse("apgd-t").classes
    (10, 5, 9)
    >>> [attack.name for attack in parse("fgsm+pgd-20x5+square").attacks]
    ['fgsm', 'pgd-20x5', 'square']
    """
    if is_place(name):
        return own_attack(name)
    parts = name.split("+")
    return _one(name) if len(parts) == 1 else Cascade(tuple(map(_one, parts)), name)


def _one(name: str) -> Attack:
    if name in _KNOWN:
        return _KNOWN[name]
    base, _, count = name.rpartition("-")
    if base == "worst-of" and count.isdigit() and int(count):
        return WorstOf(int(count))
    if base in STANDARD and count.isdigit() and int(count):
        return _counted(STANDARD[base], name, int(count))
    shape = re.fullmatch(r"(pgd|cw)-([1-9]\d*)(?:x([1-9]\d*))?", name, re.ASCII)
    if not shape:
        others = ", ".join(STANDARD)
        raise ValueError(
            f"{name!r} is not an attack. Write pgd-K or cw-K, for example pgd-20, or pgd-20x5 for five random starts, "
            f"worst-of-10, or one of {others}; several in turn are joined by +; file.py:attack is one of yours."
        )
    kind, steps, restarts = shape[1], int(shape[2]), int(shape[3] or 1)
    return PGDAttack(steps, loss=margin if kind == "cw" else cross_entropy, restarts=restarts, title=kind)


def _counted(attack: Attack, name: str, count: int) -> Attack:
    match attack:
        case Square() | SparseRS():
            return replace(attack, queries=count)
        case APGD() | APGDTargeted() | FAB() | SparsePGD():
            return replace(attack, steps=count)
    raise ValueError(f"{name!r} is not an attack: {attack.name} has no number of steps.")
