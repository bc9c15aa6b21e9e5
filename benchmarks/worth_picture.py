"""Draw and tabulate what worth.py measured: python benchmarks/worth_picture.py runs/worth-first docs/worth.svg

More folders may follow the first, of networks of another width, which is then added to the names of their systems.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from robustdial.evaluate import over_images, over_seeds

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 460, 70, 60, 24, 30
INK, FAINT = "#30343b", "#c9ced6"
COLORS = {
    "radial": "#c2410c",
    "oat": "#2f6db5",
    "radial, taught": "#9b1c5a",
    "dedicated, radius": "#30343b",
    "interpolation": "#3f8f5b",
    "mixing": "#8b5fb0",
    "standard": "#8a9099",
    "dedicated, weight": "#7a6a2f",
    "oat, cold": "#7fb0e0",
    "radial, a quarter at 0": "#b0751c",
    "radial, one run": "#f0a070",
    "oat, taught": "#5c93c9",
    "dedicated, taught": "#30343b",
    "interpolation, taught": "#3f8f5b",
    "mixing, taught": "#8b5fb0",
    "radial-trades, taught": "#1d7f8c",
    "radial, taught, width 24": "#d98a3d",
    "radial, one step": "#c98a1a",
    "radial, longer": "#d1487f",
    "radial-trades, averaged": "#0d4f59",
    "within, taught": "#d9538f",
    "nuts, taught": "#5b3f8f",
    "line, taught": "#5f8a1f",
}


DASHED = ("dedicated, radius", "interpolation", "mixing")
"""Systems whose twin with a teacher has the same colour."""


class Mark(NamedTuple):
    """A position of a system: means over the seeds, with the ends of their 95 % intervals."""

    position: float
    clean: tuple[float, float, float]
    robust: tuple[float, float, float]
    seeds: int


def read(first: Path, *others: Path) -> dict[str, list[Mark]]:
    """The systems in some folders, in the order of COLORS."""
    found: dict[str, dict[float, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for folder in (first, *others):
        suffix = "" if folder == first else f", width {json.loads((folder / 'settings.json').read_text())['width']}"
        for path in sorted(folder.glob("seed*/*.json")):
            about = json.loads(path.read_text())
            for point in about.get("points", ()):
                found[about["system"] + suffix][point["position"]].append(point)
    return {name: [mark(at, points) for at, points in sorted(found[name].items())] for name in COLORS if name in found}


def mark(position: float, points: list[dict[str, float]]) -> Mark:
    """The point of one position: over the seeds, or over the images where there is one seed."""

    def estimate(side: str) -> tuple[float, float, float]:
        values = [point[side] for point in points]
        known = over_seeds(values) if len(values) > 1 else over_images(values[0], int(points[0]["n"]))
        return known["mean"], known["low"], known["high"]

    return Mark(position, estimate("clean"), estimate("robust"), len(points))


def table(systems: dict[str, list[Mark]]) -> str:
    """Markdown: clean / robust accuracy in percent."""
    lines = ["| system | clean / robust % along its dial | seeds |", "| --- | --- | --- |"]
    for name, marks in systems.items():
        cells = ", ".join(f"{m.position:.2g}: {100 * m.clean[0]:.1f}/{100 * m.robust[0]:.1f}" for m in marks)
        lines.append(f"| {name} | {cells} | {marks[0].seeds} |")
    return "\n".join(lines)


def picture(systems: dict[str, list[Mark]]) -> str:
    """The SVG: a line per system, with 95 % intervals."""
    marks = [m for of_system in systems.values() for m in of_system]
    x0, x1 = limits([m.clean for m in marks])
    y0, y1 = limits([m.robust for m in marks])

    def at(clean: float, robust: float) -> tuple[float, float]:
        x = LEFT + (clean - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (robust - y0) / (y1 - y0) * (HEIGHT - BOTTOM - TOP)
        return round(x, 1), round(y, 1)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for step in range(round(20 * x0), round(20 * x1) + 1):
        (x, low), (_, high) = at(step / 20, y0), at(step / 20, y1)
        parts += [
            f'<path d="M{x},{low}V{high}" stroke="{FAINT}" stroke-width=".6"/>',
            text(x, low + 18, f"{5 * step} %"),
        ]
    for step in range(round(20 * y0), round(20 * y1) + 1):
        (low, y), (high, _) = at(x0, step / 20), at(x1, step / 20)
        parts += [
            f'<path d="M{low},{y}H{high}" stroke="{FAINT}" stroke-width=".6"/>',
            text(low - 24, y + 4, f"{5 * step} %"),
        ]
    for row, (name, of_system) in enumerate(systems.items()):
        parts += drawn(of_system, COLORS[name], at, dashed=name in DASHED)
        y = HEIGHT - BOTTOM - 18 * (len(systems) - row) + 4
        parts += [f'<path d="M{LEFT + 12},{y - 4}h22" stroke="{COLORS[name]}" stroke-width="3"/>']
        parts += [text(LEFT + 42, y, name, "start")]
    parts += [text((LEFT + WIDTH) / 2, HEIGHT - 14, "clean accuracy")]
    parts += [f'<g transform="rotate(-90 18 {HEIGHT / 2})">{text(18, HEIGHT / 2, "robust accuracy")}</g>']
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif">'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def limits(values: list[tuple[float, float, float]]) -> tuple[float, float]:
    """Ends of an axis, at whole steps of 5 %."""
    return int(20 * min(low for _, low, _ in values)) / 20, (int(20 * max(high for *_, high in values)) + 1) / 20


def drawn(marks: list[Mark], color: str, at, dashed: bool) -> list[str]:
    """A system: its line, its points and their intervals."""
    path = " ".join("{},{}".format(*at(m.clean[0], m.robust[0])) for m in marks)
    dash = ' stroke-dasharray="6 4"' if dashed else ""
    parts = [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>']
    for m in marks:
        x, y = at(m.clean[0], m.robust[0])
        (left, _), (right, _) = at(m.clean[1], m.robust[0]), at(m.clean[2], m.robust[0])
        (_, low), (_, high) = at(m.clean[0], m.robust[1]), at(m.clean[0], m.robust[2])
        parts.append(f'<path d="M{left},{y}H{right}M{x},{low}V{high}" stroke="{color}" opacity=".35"/>')
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{color}"/>')
    return parts


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """A line of text."""
    return f'<text x="{x}" y="{y}" font-size="13" fill="{INK}" text-anchor="{anchor}">{words}</text>'


if __name__ == "__main__":
    *folders, drawing = map(Path, sys.argv[1:])
    measured = read(*folders)
    drawing.write_text(picture(measured))
    print(table(measured))
