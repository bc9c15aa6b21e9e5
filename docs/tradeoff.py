"""Draw the README's picture from a measured frontier: python docs/tradeoff.py docs/results/NAME/frontier.json"""

import json
import sys
from fractions import Fraction
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 760, 400, 70, 60, 24, 30
INK, LINE, FAINT = "#30343b", "#2f6db5", "#c9ced6"


def bounds(points, name):
    """Limits of an axis: the intervals, widened to whole tens of percent."""
    low = min(point[f"{name}_interval"][0] for point in points)
    high = max(point[f"{name}_interval"][1] for point in points)
    return 5 * int(20 * low) / 100, 5 * (int(20 * high) + 1) / 100


def picture(points):
    """The SVG of robust against clean accuracy along lambda, with 95 % intervals."""
    (x0, x1), (y0, y1) = bounds(points, "clean"), bounds(points, "robust")

    def at(clean, robust):
        x = LEFT + (clean - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (robust - y0) / (y1 - y0) * (HEIGHT - BOTTOM - TOP)
        return round(x, 1), round(y, 1)

    parts = [*grid(at, (x0, x1), (y0, y1))]
    path = " ".join("{},{}".format(*at(point["clean"], point["robust"])) for point in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    for point in points:
        parts += mark(point, at)
    title = f"robust accuracy ({points[0]['attack']}, eps {round(points[0]['eps'] * 255)}/255)"
    parts.append(label(WIDTH / 2, HEIGHT - 14, "clean accuracy"))
    parts.append(f'<g transform="rotate(-90 18 {HEIGHT / 2})">{label(18, HEIGHT / 2, title)}</g>')
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def grid(at, xs, ys):
    """Lines and numbers at every 5 %."""
    for step in range(round(20 * xs[0]), round(20 * xs[1]) + 1):
        (x, low), (_, high) = at(step / 20, ys[0]), at(step / 20, ys[1])
        yield f'<line x1="{x}" y1="{low}" x2="{x}" y2="{high}" stroke="{FAINT}" stroke-width=".6"/>'
        yield label(x, low + 18, f"{5 * step} %")
    for step in range(round(20 * ys[0]), round(20 * ys[1]) + 1):
        (low, y), (high, _) = at(xs[0], step / 20), at(xs[1], step / 20)
        yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{FAINT}" stroke-width=".6"/>'
        yield label(low - 24, y + 4, f"{5 * step} %")


def mark(point, at):
    """A measured point: its intervals, its disc (hollow when its lambda was not trained), its lambda.

    It stands above, on the right, where a curve that falls leaves room; that of the last point on the left.
    """
    x, y = at(point["clean"], point["robust"])
    (left, _), (right, _) = (at(value, point["robust"]) for value in point["clean_interval"])
    (_, low), (_, high) = (at(point["clean"], value) for value in point["robust_interval"])
    yield f'<path d="M{left},{y}H{right}M{x},{low}V{high}" stroke="{LINE}" stroke-width="1" opacity=".45"/>'
    fill = LINE if point["trained"] else "white"
    yield f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}" stroke="{LINE}" stroke-width="2"/>'
    if point["lam"] == 1:
        yield label(x - 8, y - 9, "lambda 1", "end")
    else:
        name = "lambda 0" if point["lam"] == 0 else Fraction(point["lam"]).limit_denominator(12)
        yield label(x + 8, y - 9, name, "start")


def label(x, y, text, anchor="middle"):
    """A line of text."""
    return f'<text x="{x}" y="{y}" font-size="14" fill="{INK}" text-anchor="{anchor}">{text}</text>'


if __name__ == "__main__":
    svg = picture(json.loads(Path(sys.argv[1]).read_text())["points"])
    Path(__file__).with_name("tradeoff.svg").write_text(svg)
