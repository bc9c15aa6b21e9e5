"""Logarithmic axes: plotly's own ticks say little over less than a decade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def logarithmic(ends: tuple[float, float]) -> dict[str, Any]:
    """A logarithmic axis between two decimal logarithms, with as many round ticks as fit.

    >>> logarithmic((0.2, 0.9))["ticktext"], logarithmic((1.5, 3.1))["ticktext"]
    (['2', '3', '4', '5', '6'], ['50', '100', '200', '500', '1,000'])
    """
    span = ends[1] - ends[0]
    edge = 0.05 * span  # a number at the very edge would be cut off on a telephone
    steps = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0) if span < 1.1 else (1.0, 2.0, 5.0) if span < 2.5 else (1.0,)
    decades = range(math.floor(ends[0]), math.ceil(ends[1]) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    shown = [tick for tick in ticks if ends[0] + edge <= math.log10(tick) <= ends[1] - edge]
    return {"type": "log", "range": ends, "tickvals": shown, "ticktext": [f"{tick:,.10g}" for tick in shown]}


def around(values: Sequence[float]) -> tuple[float, float]:
    """Decimal logarithms of the ends of an axis with room for all of the positive `values`."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(0.1, 0.12 * (high - low))
    return low - room, high + room
