"""The trade-off as a figure for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from robustdial import record
from robustdial.evaluate import Measured, Position
from robustdial.typing import Json

if TYPE_CHECKING:
    import plotly.graph_objects as go

Point = Mapping[str, Json] | tuple[Position, Measured]
"""As in `frontier.json`, or as `robustdial.frontier` gives it."""

Source = str | Path | Sequence[Point]


def plot_frontier(of: Source) -> go.Figure:
    """Robust against clean accuracy along lambda, a line for each width, as a plotly figure.

    Args:
        of: a run folder whose frontier has been measured; what `robustdial.frontier` gives; or points as they stand in
            `frontier.json`: `lam`, `clean`, `robust` and, where known, `width`, `clean_interval`, `robust_interval`.

    Raises FileNotFoundError if it has not been measured, ValueError for points that lack something.
    """
    from robustdial.report.curves import BETWEEN, tradeoff

    figure = tradeoff(_points(of))
    # on a page of its own the style sheet gives the colours
    figure.update_layout(template="plotly_white", font_color=None, paper_bgcolor=None, plot_bgcolor=None)
    figure.update_layout(hoverlabel_bgcolor=BETWEEN)
    return figure


def _points(of: Source) -> list[dict[str, Json]]:
    if isinstance(of, str | Path):
        path = Path(of) / record.FRONTIER
        if not path.exists():
            raise FileNotFoundError(f"{of} has no {record.FRONTIER}. Measure it: robustdial frontier {quote(str(of))}")
        return _points(record.read_json(path)["points"])
    points = [_UNTOLD | _in_words(point) for point in of]
    for point in points:
        for name in ("lam", "clean", "robust"):
            if name not in point:
                raise ValueError(f"A point has no {name}. Give points as robustdial frontier writes them.")
        for side in ("clean", "robust"):
            point.setdefault(f"{side}_interval", [point[side]] * 2)
    return sorted(points, key=lambda p: (-p["width"], p["lam"] or 0.0))


_UNTOLD: dict[str, Json] = {"width": 1.0, "trained": True}


def _in_words(point: Point) -> dict[str, Json]:
    if isinstance(point, Mapping):
        return dict(point)
    at, measured = point
    told: dict[str, Json] = {"lam": at.lam, "width": at.width, "n": measured.clean.n}
    for side, accuracy in measured._asdict().items():
        told |= {side: accuracy.value, f"{side}_interval": list(accuracy.interval)}
    return told
