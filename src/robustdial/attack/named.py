"""Attacks by the names they have in reports."""

from __future__ import annotations

from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.autoattack import autoattack
from robustdial.attack.base import Attack, PGDAttack
from robustdial.attack.fab import FAB
from robustdial.attack.losses import dlr, margin
from robustdial.attack.square import Square

STANDARD: dict[str, Attack] = {
    "apgd-ce": APGD(),
    "apgd-dlr": APGD(dlr, title="apgd-dlr"),
    "apgd-t": APGDTargeted(),
    "fab-t": FAB(),
    "square": Square(),
    "autoattack": autoattack(),
}


def parse(name: str) -> Attack:
    """The attack of a name as it stands in reports.

    `pgd-K` on the cross-entropy, `cw-K` on the margin; `apgd-ce`, `apgd-dlr`, `apgd-t`, `fab-t` and `square` with the
    constants of AutoAttack; and `autoattack`, the standard four in turn.

    >>> parse("pgd-10").steps, parse("cw-20").name, parse("apgd-t").classes
    (10, 'cw-20', 9)
    """
    if name in STANDARD:
        return STANDARD[name]
    kind, _, steps = name.partition("-")
    if kind not in ("pgd", "cw") or not steps.isdigit() or int(steps) < 1:
        others = ", ".join(STANDARD)
        raise ValueError(f"{name!r} is not an attack. Write pgd-K or cw-K, for example pgd-20, or one of {others}.")
    return PGDAttack(int(steps)) if kind == "pgd" else PGDAttack(int(steps), loss=margin, title="cw")
