"""The kinds of dial by name, as recipes take them."""

from __future__ import annotations

from typing import Literal

from robustdial.dial import DialKind, Dials, Line

Kind = Literal["conditional", "line"]

_CONDITIONAL = {
    "widths": "--widths",
    "encoding": "--encoding or --code",
    "conditioner": "--film",
    "sampling": "--zeros or --sampling",
    "dual": "--dual",
}
"""What a line has not: fields of `Dials`, and the knobs that set them."""


def of_kind(name: Kind, conditional: Dials) -> DialKind:
    """The conditional dial itself, or a line in weight space with its lambdas and radii.

    Raises ValueError for what a line has not: widths, codes, branches of its norms, lambdas drawn in another way.

    >>> of_kind("line", Dials((0, 1))).lambdas
    (0.0, 1.0)
    """
    if name == "conditional":
        return conditional
    line, plain = Line(conditional.lambdas, radii=conditional.radii), Dials(conditional.lambdas)
    for field, knobs in _CONDITIONAL.items():
        if getattr(conditional, field) not in (getattr(plain, field), getattr(line, field, None)):
            raise ValueError(f"A dial in weight space takes no {knobs}. Leave that out, or --dial line.")
    return line
