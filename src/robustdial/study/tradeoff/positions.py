"""Where on the dial to measure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from robustdial.dial import DialKind
from robustdial.evaluate import Position


def lambdas_of(dial: DialKind, between: bool = False) -> tuple[float | None, ...]:
    """The lambdas to measure, (None,) for a network without a dial.

    With `between`, also the middle of every wide gap: a slider passes there too.

    >>> from robustdial.dial import Dials
    >>> lambdas_of(Dials((0, 0.2, 1)), between=True)
    (0.0, 0.2, 0.6, 1.0)
    """
    known = [lam for lam in dial.lambdas if lam is not None]
    middles = [(low + high) / 2 for low, high in pairwise(known) if between and high - low > 0.25]
    return tuple(sorted([*known, *middles])) or (None,)


def widths_of(dial: DialKind) -> tuple[float, ...]:
    """The trained widths, widest first; (1.0,) for a network without a dial."""
    return tuple(sorted(dial.widths, reverse=True))


def positions_of(dial: DialKind, lams: Sequence[float] = (), widths: Sequence[float] = ()) -> list[Position]:
    """The grid of `lams` and `widths`; by default the trained ones, and at full width the middles of wide gaps.

    >>> from robustdial.dial import Dials, Fixed
    >>> [tuple(position) for position in positions_of(Dials((0, 1)))]
    [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]
    >>> positions_of(Fixed())
    [Position(lam=None, width=1.0)]
    """
    return [
        Position(*dial.meant(lam, width))
        for width in widths or widths_of(dial)
        for lam in lams or lambdas_of(dial, between=width == 1)
    ]
