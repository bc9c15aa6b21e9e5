"""What the page of a comparison says in words."""

from __future__ import annotations

from collections.abc import Sequence

from robustdial.evaluate import AT_CHANCE, UNMOVED
from robustdial.report import facts
from robustdial.report.compare.folder import Comparison, Measured, Row
from robustdial.report.compare.verdicts import shared_start
from robustdial.report.facts import Rows, Tiles
from robustdial.report.folder import Entry
from robustdial.report.words import counted, duration, number, percent, spoken

SPACE = "\N{NO-BREAK SPACE}"


def summary(comparison: Comparison) -> str:
    """The comparison in a few sentences, computed from what was measured."""
    rows = comparison.done
    unfinished = [row.label for row in comparison.rows if not row.complete]
    told = _best(comparison) if rows else ["No method is finished yet."]
    ill = [_ill(row, comparison) for row in comparison.rows if row.ills]
    if ill:
        told.append(f"Not healthy: {_some(ill)}.")
    for words in (AT_CHANCE, UNMOVED):
        named = [row.method if words == UNMOVED else row.label for row in comparison.rows if words in row.said]
        if named:
            told.append(f"{_some(list(dict.fromkeys(named)))}: {words}.")
    if rows and unfinished:
        told.append(f"Not finished: {_some(unfinished)}.")
    return " ".join([*told, extent(comparison)])


def tiles(comparison: Comparison) -> Tiles:
    """The facts a reader looks for first; a fact that is not recorded has no tile."""
    about, seconds = comparison.about, comparison.about.get("seconds_total")
    known = [
        *facts.ground(about),
        ("Methods", str(len(comparison.methods)), f"{counted(len(about['seeds']), 'seed')} each"),
        ("Radius ε", number(about["eps"]), about.get("threat") or ""),
        ("All runs", duration(seconds) if seconds else None, _length(about)),
    ]
    return [(name, value, detail) for name, value, detail in known if value]


def _length(about: Entry) -> str:
    first = about.get("first")
    own = f"{spoken(about['run'].get('epochs'))} epochs each"
    return f"{own}, after {first['epochs']} of standard training" if first else own


def conditions(comparison: Comparison) -> list[str]:
    """How the numbers came about, one sentence each."""
    about = comparison.about
    told = [
        f"{_how(comparison)} {facts.UPPER_BOUND}",
        "The worst attack of a method is the one that leaves it least on average; it is not the worst attack on each "
        "image.",
        shared_start(about),
        facts.chosen(about.get("checkpoint", "")),
        f"Bars and ranges: {about['interval']}." if about.get("interval") else "",
        "Passes are forward and backward passes per image and epoch, averaged over the training.",
        "Seconds are the training time of one run, without measuring; on another machine their ratios can differ.",
        "On the front are the finished methods that no other finished one beats, by being at most as dear and at least "
        "as accurate, clean and under its worst attack; means are compared, so methods within one another's bars may "
        "change places.",
        f"Everything together took {duration(about['seconds_total'])}." if about.get("seconds_total") else "",
    ]
    return [sentence for sentence in [*told, *about["data"].get("notes", [])] if sentence]


def settings(comparison: Comparison) -> list[tuple[str, Rows]]:
    """Every method with what was set differently from its recipe, and every condition."""
    about = comparison.about
    measured = ("seeds", "eps", "threat", "n", "checkpoint", "attacks", "interval")
    methods = [(row.label, spoken({"type": row.recipe} | row.knobs)) for row in comparison.methods]
    return [
        ("Methods", methods),
        ("Measurement", [(name, spoken(about[name])) for name in measured if name in about]),
        *facts.settings(about),
    ]


def relative(rows: Sequence[Row]) -> list[float | None]:
    """Training time of each method as a share of the slowest finished one's; None for one that is not finished."""
    known = [row.seconds.mean for row in rows if row.complete and row.seconds.mean]
    slowest = max(known, default=None)
    return [row.seconds.mean / slowest if row.complete and row.seconds.mean and slowest else None for row in rows]


def amount(value: float | None) -> str:
    """A cost in at most three or four figures.

    >>> amount(4.23), amount(62.4), amount(1234.5), amount(None)
    ('4.23', '62.4', '1,234', '–')
    """
    if value is None:
        return spoken(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def span(measured: Measured) -> str:
    """The interval of a cost; empty where there is none or it is a point.

    >>> span(Measured(4.2, 4.1, 4.3)), span(Measured(4.2)), span(Measured(8.0, 8.0, 8.0))
    ('4.1–4.3', '', '')
    """
    return (
        "" if measured.ends is None or measured.low == measured.high else "\N{EN DASH}".join(map(amount, measured.ends))
    )


def _best(comparison: Comparison) -> list[str]:
    rows = comparison.done
    winners = comparison.on_front([row.seconds for row in comparison.rows])
    front = [row for row, won in zip(comparison.rows, winners, strict=True) if won]
    best = max(rows, key=lambda row: row.worst.mean or 0.0)
    cheapest = min(front, key=lambda row: (row.seconds.mean or 0.0, -(row.worst.mean or 0.0)))
    first = f"{best.label} is the most robust: {_reached(best, comparison)}."
    if cheapest is best:
        return [first, "No other method is cheaper."]
    saved = (cheapest.seconds.mean or 0.0) / (best.seconds.mean or 1.0)
    return [
        first,
        f"The cheapest on the front is {cheapest.label}: {_reached(cheapest, comparison)}, "
        f"{percent(saved)} of the time of {best.label}.",
    ]


def _reached(row: Row, comparison: Comparison) -> str:
    attacks = comparison.about["attacks"]
    under = f"under {attacks[0]}" if len(attacks) == 1 else "under its worst attack"
    time = duration(row.seconds.mean or 0.0)
    return f"{percent(row.worst.mean)} {under} and {percent(row.clean.mean)} clean after {time} of training"


def extent(comparison: Comparison) -> str:
    """How much was compared, on what, and under which attack."""
    about = comparison.about
    epochs, seeds, methods = about["run"].get("epochs"), len(about["seeds"]), len(comparison.methods)
    length = f" of {counted(epochs, 'epoch')}" if epochs else ""
    runs = f"{counted(methods * seeds, 'run')}{length}: {counted(methods, 'method')}, {counted(seeds, 'seed')} each"
    return f"{runs}, {spoken(about['model'].get('name'))} on {spoken(about['data'].get('name'))}. {_how(comparison)}"


def _how(comparison: Comparison) -> str:
    about = comparison.about
    point = {"attack": _attacks(about["attacks"])} | {k: about[k] for k in ("eps", "n", "threat") if k in about}
    return facts.how(point)


def _attacks(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"the worst of {' and '.join(names)}"


def _some(names: list[str], most: int = 8) -> str:
    """
    >>> _some(["a", "b"]), _some(["a", "b", "c"], most=2)
    ('a, b', 'a, b and 1 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _ill(row: Row, comparison: Comparison) -> str:
    seeds = len(comparison.about["seeds"])
    return row.label if seeds == 1 else f"{row.label} in {len(row.ills)} of {counted(seeds, 'seed')}"
