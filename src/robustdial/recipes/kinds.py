"""The kinds of dial by name, as recipes take them."""

from __future__ import annotations

from typing import Literal

from robustdial.dial import DialKind, Dials, Line

Kind = Literal["conditional", "line"]


def of_kind(name: Kind, conditional: Dials) -> DialKind:
    """The conditional dial itself, or a line in weight space with its lambdas and radii.

    Raises ValueError for widths that a line has not.

    >>> of_kind("line", Dials((0, 1))).lambdas
    (0.0, 1.0)
    """
    if name == "conditional":
        return conditional
    if conditional.widths != (1.0,):
        raise ValueError("A dial in weight space has no widths. Leave --widths out, or --dial line.")
    return Line(conditional.lambdas, radii=conditional.radii)
