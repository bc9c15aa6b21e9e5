"""Numbers and JSON values as a reader wants them."""

from __future__ import annotations

from typing import Any

from robustdial.own_code import named

NONE = "\N{EN DASH}"


def percent(share: float | None) -> str:
    """A share in [0, 1] in percent, one decimal, with a no-break space.

    >>> percent(0.994).replace(chr(160), " "), percent(None)
    ('99.4 %', '–')
    """
    return NONE if share is None else f"{points(share)}\N{NO-BREAK SPACE}%"


def points(share: float | None) -> str:
    """A share in [0, 1] in percent, one decimal, without the sign.

    >>> points(0.994), points(None)
    ('99.4', '–')
    """
    return NONE if share is None else f"{100 * share:.1f}"


def extent(share: float) -> str:
    """A share in [0, 1] as a length in a style sheet.

    >>> extent(0.5)
    '50.00%'
    """
    return f"{100 * share:.2f}%"


def interval(bounds: list[float] | None) -> str:
    """Two bounds in [0, 1] in percent.

    >>> interval([0.98, 0.998])
    '98.0–99.8'
    """
    return "" if bounds is None else f"{100 * bounds[0]:.1f}\N{EN DASH}{100 * bounds[1]:.1f}"


def number(value: float) -> str:
    """Four digits at most; a multiple of 1/255 that is no short decimal is written as one.

    >>> number(8 / 255), number(0.3), number(0.2), number(0.1234567), number(100000.0)
    ('8/255', '0.3', '0.2', '0.1235', '100000')
    """
    levels = 255 * value
    if 0 < value < 1 and round(value, 2) != value and abs(levels - round(levels)) < 0.01:
        return f"{round(levels)}/255"
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"


def radius(threat: str, eps: float) -> str:
    """The radius of a norm ball, as a phrase; empty for other threats, whose sets have a size of their own.

    >>> [radius(*ball).replace(chr(160), " ") for ball in (("Linf", 8 / 255), ("L2 on Dark", 0.5), ("Warp", 1.0))]
    ['ε = 8/255', 'ε = 0.5', '']
    """
    return f"ε\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{number(eps)}" if is_ball(threat) else ""


def is_ball(threat: str) -> bool:
    """Whether a threat of this name is a norm ball, all of it or behind a mask; a union of balls is none.

    >>> is_ball("L2 on Dark"), is_ball("Warp+Noise"), is_ball("Linf 8/255 + L1 12")
    (True, False, False)
    """
    return threat.partition(" ")[0] in ("Linf", "L2", "L1", "L0") and " + " not in threat


def amount(count: int) -> str:
    """A number of parameters or multiply-adds in three digits.

    >>> amount(555_422_720), amount(2682), amount(480), amount(1_814_073_344), amount(9_996_000)
    ('555 M', '2.68 k', '480', '1.81 G', '10.0 M')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            return f"{_three(count / size)} {unit}"
    return str(count)


def size(number: float) -> str:
    """Bytes with their unit.

    >>> size(141e9), size(2.8e6), size(4480), size(0), size(999_999)
    ('141 GB', '2.80 MB', '4.48 kB', '0 bytes', '1.00 MB')
    """
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= 0.9995 * unit:
            return f"{_three(number / unit)} {name}"
    return f"{number:.0f} bytes"


def moment(seconds: float) -> str:
    """A short time in three digits.

    >>> moment(0.00123), moment(0.000456), moment(1.5)
    ('1.23 ms', '456 µs', '1.50 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds / 1e-6)} µs"


def _three(value: float) -> str:
    before = len(str(int(float(f"{value:.3g}"))))  # digits of it as it is rounded: 9.996 is 10.0
    return f"{value:.{max(0, 3 - before)}f}"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter.

    >>> duration(1.94), duration(59.97), duration(134), duration(7384)
    ('1.9 s', '1 min 0 s', '2 min 14 s', '2 h 3 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "seed"), counted(3, "seed")
    ('1 seed', '3 seeds')
    """
    return f"{n} {noun}{'' if n == 1 else 's'}"


def spoken(value: Any) -> str:
    """Any JSON value in one line; an object with a "type" reads like the call that made it.

    >>> spoken({"type": "PGD", "step": {"type": "Step", "size": 8 / 255}, "mode": "eval", "lams": [0.0, 1.0]})
    'PGD(step=Step(size=8/255), mode=eval, lams=[0, 1])'
    >>> spoken({"lambdas": [0.0, 1 / 3], "eps": 8 / 255})
    '(lambdas=[0, 0.3333], eps=8/255)'
    >>> spoken("/home/somebody/recipe.py:mine")
    'recipe.py:mine'
    """
    match value:
        case None:
            return NONE
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case list():
            return f"[{', '.join(map(spoken, value))}]"
        case dict():
            inner = ", ".join(f"{key}={argument(key, part)}" for key, part in value.items() if key != "type")
            return f"{value.get('type', '')}({inner})"
        case _:
            return named(str(value))


def argument(name: str, value: Any) -> str:
    """The value of an argument; positions of the dial and widths are shares, never grey levels."""
    if name in ("lambdas", "widths", "lams"):
        return f"[{', '.join(f'{share:.4g}' for share in value)}]"
    return spoken(value)
