"""HTML of what the page shows: images, bars, the place on the frontier. Text of the user's is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from PIL import Image
from torch import Tensor

from robustdial.data import grey_levels
from robustdial.report.pictures import png
from robustdial.report.words import amount, percent
from robustdial.typing import Json

TOP = 6
"""Classes that have a bar."""

STYLE = """
.rd-row{display:flex;gap:16px;flex-wrap:wrap;align-items:flex-start}
.rd-card{flex:1 1 130px;min-width:120px;max-width:260px;margin:0}
.rd-card img{width:100%;image-rendering:pixelated;border-radius:6px;display:block;background:#8884}
.rd-card figcaption{font-size:.85rem;margin-top:4px}
.rd-bars{display:grid;grid-template-columns:minmax(60px,auto) 1fr 48px;gap:4px 8px;align-items:center;font-size:.9rem}
.rd-bars .track{background:#8883;border-radius:4px;height:14px;overflow:hidden}
.rd-bars .fill{height:100%;background:#4a6fd6;transition:width .12s}
.rd-bars .wrong{background:#d1495b}
.rd-bars .right{background:#2f9e6e}
.rd-bars b,.rd-bars span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.rd-two{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:20px}
.rd-plot{width:100%;max-width:460px;height:auto}
.rd-plot text{fill:currentColor;font:11px system-ui,sans-serif}
.rd-note{font-size:.9rem;opacity:.85}
"""


def as_url(x: Tensor) -> str:
    """An image `[1, C, H, W]` in [0, 1] as a `data:` URL."""
    return png(grey_levels(x)[0])


def picture(x: Tensor) -> Image.Image:
    """An image `[1, C, H, W]` in [0, 1]."""
    levels = grey_levels(x)[0]
    return (
        Image.fromarray(levels[0].numpy(), "L") if len(levels) == 1 else Image.fromarray(levels.movedim(0, 2).numpy())
    )


def trio(clean: Tensor, adv: Tensor | None, told: Sequence[str]) -> str:
    """The clean image, the attacked one and what was added, with a line under each."""
    shown = [clean]
    if adv is not None:
        change = adv - clean
        largest = change.abs().max().clamp_min(1e-8)
        shown += [adv, 0.5 + change / (2 * largest)]
    cards = (
        f'<figure class="rd-card"><img src="{as_url(one)}" alt="{escape(words)}">'
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for one, words in zip(shown, told, strict=False)
    )
    return f'<div class="rd-row">{"".join(cards)}</div>'


def bars(title: str, probabilities: Sequence[float], classes: Sequence[str], label: int | None) -> str:
    """The likeliest classes, each with a bar; the right one is green, another that comes first is red."""
    order = sorted(range(len(classes)), key=lambda k: -probabilities[k])
    rows = [f"<h4>{escape(title)}</h4>", '<div class="rd-bars">']
    for rank, k in enumerate(order[:TOP]):
        kind = "right" if k == label else "wrong" if rank == 0 and label is not None else ""
        name = f"<b>{escape(classes[k])}</b>" if k == label else f"<span>{escape(classes[k])}</span>"
        width = 100 * probabilities[k]
        rows.append(f'{name}<div class="track"><div class="fill {kind}" style="width:{width:.1f}%"></div></div>')
        rows.append(f"<span>{width:.0f} %</span>")
    return "".join([*rows, "</div>"])


def side_by_side(*parts: str) -> str:
    """Parts beside one another where there is room, below where there is not."""
    return f'<div class="rd-two">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def plot(points: Sequence[Json], lam: float | None, width: float) -> str:
    """The frontier at one width, and where the slider stands on it; a sentence where nothing was measured."""
    found = sorted((p for p in points if p["width"] == width), key=lambda p: p["lam"] or 0.0)
    if not found:
        return '<p class="rd-note">Not measured yet at this width: run <code>robustdial frontier</code>.</p>'
    xs, ys = [p["clean"] for p in found], [p["robust"] for p in found]
    (left, right), (low, high) = _room(xs), _room(ys)

    def at(clean: float, robust: float) -> tuple[float, float]:
        return 46 + 380 * (clean - left) / (right - left), 190 - 165 * (robust - low) / (high - low)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, xs, ys))
    marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#4a6fd6"/>' for x, y in map(at, xs, ys))
    place = _between(found, lam)
    here = "" if place is None else _mark(*at(*place))
    return (
        '<svg class="rd-plot" viewBox="0 0 440 225" role="img" aria-label="robust against clean accuracy">'
        '<path d="M46 20V190H430" fill="none" stroke="currentColor" opacity=".4"/>'
        f'<text x="46" y="206">{percent(left)}</text><text x="430" y="206" text-anchor="end">{percent(right)}</text>'
        f'<text x="4" y="30">{percent(high)}</text><text x="4" y="190">{percent(low)}</text>'
        '<text x="238" y="220" text-anchor="middle">clean accuracy</text><text x="52" y="16">robust accuracy</text>'
        f'<polyline points="{line}" fill="none" stroke="#4a6fd6" stroke-width="2"/>{marks}{here}</svg>'
    )


def _mark(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="#f2a33a" stroke="#fff" stroke-width="2"/>'


def worth(points: Sequence[Json], lam: float | None, width: float, parameters: int, macs: int) -> str:
    """What the position is worth and what it costs, in a sentence."""
    cost = f"{amount(parameters)} parameters, {amount(macs)} multiply-adds an image"
    found = sorted((p for p in points if p["width"] == width), key=lambda p: p["lam"] or 0.0)
    if not found:
        return f'<p class="rd-note">{cost}.</p>'
    if (place := _between(found, lam)) is None:
        return f'<p class="rd-note">Not measured at this lambda: run <code>robustdial frontier</code>. {cost}.</p>'
    clean, robust = place
    about = "" if any(p["lam"] == lam for p in found) else "about "
    first = found[0]
    words = f"{about}{percent(clean)} clean, {about}{percent(robust)} robust ({first['attack']}, n = {first['n']:,})"
    return f'<p class="rd-note">{escape(words)}; {cost}.</p>'


def _between(points: Sequence[Json], lam: float | None) -> tuple[float, float] | None:
    """Clean and robust accuracy at a lambda, on a line between the measured neighbours; None beyond them."""
    if lam is None or lam == points[0]["lam"]:
        return points[0]["clean"], points[0]["robust"]
    for a, b in pairwise(points):
        if a["lam"] <= lam <= b["lam"]:
            share = (lam - a["lam"]) / (b["lam"] - a["lam"])
            return tuple((1 - share) * a[side] + share * b[side] for side in ("clean", "robust"))  # type: ignore[return-value]
    return None


def _room(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max(0.02, 0.15 * (high - low))
    return max(0.0, low - pad), min(1.0, high + pad)
