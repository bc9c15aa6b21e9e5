"""Where on the dial to measure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from robustdial.dial import Dials, Fixed
from robustdial.evaluate import Position


def lambdas_of(dial: Dials | Fixed, between: bool = False) -> tuple[float | None, ...]:
    """The trained lambdas, (None,) for a network without a dial.

    With `between`, also the middle of every wide gap: a slider passes there too.

    >>> lambdas_of(Dials((0, 0.2, 1)), between=True)
    (0.0, 0.2, 0.6, 1.0)
    """
    if isinstance(dial, Fixed):
        return (None,)
    middles = [(low + high) / 2 for low, high in pairwise(dial.lambdas) if between and high - low > 0.25]
    return tuple(sorted([*dial.lambdas, *middles]))


def widths_of(dial: Dials | Fixed) -> tuple[float, ...]:
    """The trained widths, widest first; (1.0,) for a network without a dial."""
    return (1.0,) if isinstance(dial, Fixed) else tuple(sorted(dial.widths, reverse=True))


def positions_of(dial: Dials | Fixed, lams: Sequence[float] = (), widths: Sequence[float] = ()) -> list[Position]:
    """The grid of `lams` and `widths`; by default the trained ones, and at full width the middles of wide gaps.

    >>> [tuple(position) for position in positions_of(Dials((0, 1)))]
    [(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)]
    >>> positions_of(Fixed())
    [Position(lam=None, width=1.0)]
    """
    return [
        meant(dial, lam, width)
        for width in widths or widths_of(dial)
        for lam in lams or lambdas_of(dial, between=width == 1)
    ]


def meant(dial: Dials | Fixed, lam: float | None, width: float) -> Position:
    """The position that is meant by printed numbers: 0.333333 is a third where that was trained.

    >>> meant(Dials((0, 1), (1 / 3, 1)), 1, 0.333333)
    Position(lam=1.0, width=0.3333333333333333)
    """
    return Position(lam, width) if isinstance(dial, Fixed) or lam is None else Position(*dial.meant(lam, width))


def is_trained(dial: Dials | Fixed, lam: float | None, width: float) -> bool:
    """Whether a position was trained, and not only lies on the dial.

    >>> is_trained(Dials((0, 1)), 1, 1), is_trained(Dials((0, 1)), 0.5, 1), is_trained(Fixed(), None, 1)
    (True, False, True)
    """
    return lam in lambdas_of(dial) and (isinstance(dial, Fixed) or dial.level(width) is not None)
