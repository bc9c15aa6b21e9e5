"""`robustdial choose`."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

from rich.table import Table

from robustdial.attack import check_supports, parse
from robustdial.cli.bars import counting
from robustdial.cli.commands.foreseen import print_foreseen
from robustdial.cli.console import print_notes
from robustdial.cli.help import human
from robustdial.cli.points import dial_name, print_verdicts
from robustdial.cli.quantities import count, seconds, share
from robustdial.cli.terminal import console, errors
from robustdial.dial import DialKind
from robustdial.evaluate import Position
from robustdial.report.words import amount, counted, interval, moment, percent
from robustdial.run import trained
from robustdial.study.tradeoff import (
    Targets,
    choice_ledger,
    conclude,
    first_positions,
    lambdas_of,
    search,
    val_images,
)
from robustdial.typing import Json


def choose(
    run: Path,
    /,
    clean_min: str | None = None,
    robust_min: str | None = None,
    latency_max: str | None = None,
    macs_max: str | None = None,
    params_max: str | None = None,
    width_max: float | None = None,
    widths: tuple[float, ...] = (),
    attack: str = "pgd-20",
    data: str | None = None,
    n: int | None = None,
    seed: int = 0,
    refine: int = 4,
    device: str = "auto",
    json: bool = False,
) -> int:
    """Find the best position of a dial that meets targets: robustdial choose runs/x --clean-min 0.92 --latency-max 5ms

    Best is the highest robust accuracy; where --robust-min is given, the highest clean accuracy that keeps it;
    among equals, the cheapest wins. Targets are met by point estimates; the table marks those not met beyond the 95 %
    interval. Points are compared on the validation part, in choose.json, and what is there already is not measured
    again. The chosen point is measured once on the test part, which had no say in the choice.

    Exit code 0 if a position meets every target, 1 if none does: the nearest is shown.

    Args:
        run: folder of the run.
        clean_min: least clean accuracy, such as 0.92 or 92%.
        robust_min: least accuracy under the attack, such as 0.4 or 40%.
        latency_max: longest median time per forward of one image on this machine, such as 5ms.
        macs_max: most multiply-adds of one image, such as 100M.
        params_max: most parameters, such as 2M.
        width_max: largest share of the channels, such as 0.75.
        widths: shares of the channels to look at besides the trained ones, such as 0.6; of a dial that was trained with
            several widths.
        attack: pgd-K, cw-K on the margin loss, pgd-KxR from R starts, fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t, fab-t,
            square, autoattack, worst-of-K, grid, or several joined by +.
        data: where the images of the run are now, or others, as in training; by default where they were.
        n: class-balanced images to use, of the validation and of the test part; all by default.
        seed: of the attack's random start.
        refine: most measurements between trained lambdas.
        device: auto, cpu or cuda.
        json: print the answer as JSON.
    """
    if refine < 0:
        raise ValueError(f"--refine {refine} is no number of measurements. Give 0 or more.")
    asked = {
        "clean_min": (clean_min, share),
        "robust_min": (robust_min, share),
        "latency_max": (latency_max, seconds),
        "macs_max": (macs_max, count),
        "params_max": (params_max, count),
    }
    read = {name: to(text, f"--{name.replace('_', '-')}") for name, (text, to) in asked.items() if text is not None}
    targets = Targets(width_max=width_max, **read)
    measured_with, experiment = parse(attack), trained(run, device, place=data)
    check_supports(measured_with, experiment.method.threat)
    print_notes(experiment.data.notes, errors if json else console)
    ledger = choice_ledger(experiment, measured_with, n, seed, widths)
    total = len(first_positions(ledger, targets))
    places = [Position(lambdas_of(experiment.method.dial)[0], 1.0)] * (total + refine)
    print_foreseen(experiment, measured_with, val_images(experiment, n), places, errors if json else console)
    with counting("measuring", total + refine, errors if json else console) as bar:
        for _ in search(ledger, targets, refine):
            bar.advance(bar.task_ids[0])
        answer = conclude(ledger, targets, n)
        bar.update(bar.task_ids[0], completed=total + refine)
    if json:
        print(json_format.dumps(answer, indent=1))
    else:
        _tell(answer, experiment.method.dial, widths or ())
        print_verdicts(ledger.all_points(), len(experiment.data.classes))
        if answer["met"]:
            _tell_next(run, answer)
    return 0 if answer["met"] else 1


def _tell(answer: Json, dial: DialKind, widths: Sequence[float]) -> None:
    lam, width, timing = answer["lam"], answer["width"], answer["timing"]
    aim = f"highest {answer['aim']} accuracy"
    if answer["met"]:
        console.print(f"lambda {dial_name(lam)}, width {width:g}: the {aim} that meets what was asked")
    else:
        missed = "; ".join(_miss(check) for check in answer["val_checks"] if not check["met"])
        missed += _narrower(answer, dial, widths)
        console.print(
            f"out of reach. The nearest is lambda {dial_name(lam)}, width {width:g}: {missed}", soft_wrap=True
        )
    console.print(_table(answer))
    val, test = answer["val"], answer["test"]
    console.print(
        f"Chosen on {val['n']:,} validation images; the {test['n']:,} test images had no say in it. "
        f"Robust: {test['attack'].upper()}. Latency: batch {timing['batch']}, "
        f"{counted(timing['threads'], 'thread')}, {timing['machine']}.",
        soft_wrap=True,
    )
    if answer["met"] and not all(check["met"] for check in answer["test_checks"]):
        console.print("On the test images a target is missed: ask for a little more than you need, or measure on more.")


def _tell_next(run: Path, answer: Json) -> None:
    """What to do with the position that was found; where none was, there is nothing to ship."""
    at = "" if answer["lam"] is None else f" --lam {human(answer['lam'])}"
    at += "" if answer["width"] == 1 else f" --width {human(answer['width'])}"
    folder = quote(str(run))
    console.print("next:")
    console.print(f"  robustdial evaluate {folder}{at} --attack autoattack", soft_wrap=True)
    console.print(f"  robustdial bake {folder}{at}", soft_wrap=True)


def _table(answer: Json) -> Table:
    val, test, asked = answer["val"], answer["test"], answer["targets"]
    on_val, on_test = ({c["name"]: c for c in answer[f"{part}_checks"]} for part in ("val", "test"))
    table = Table("", "asked", "validation", "95 %", "test", "95 %")
    table.caption, table.caption_justify = "✓ met   ~ met, but not beyond the 95 % interval   ✗ missed", "left"
    for side in ("clean", "robust"):
        name = f"{side}_min"
        row = [f"≥ {percent(asked[name])}" if name in asked else "highest" if side == answer["aim"] else ""]
        for point, checks in ((val, on_val), (test, on_test)):
            row += [f"{percent(point[side])} {_mark(checks.get(name))}", interval(point[f"{side}_interval"])]
        table.add_row(side, *row)
    for key, (name, told) in _COSTS.items():
        limit = f"≤ {told(asked[name])}" if name in asked else ""
        table.add_row(key, limit, f"{told(val[key])} {_mark(on_val.get(name))}")
    return table


def _mark(check: Json) -> str:
    if check is None:
        return ""
    return ("✓" if check["sure"] else "~") if check["met"] else "✗"


def _miss(check: Json) -> str:
    side, _, end = check["name"].partition("_")
    if end == "min":
        return (
            f"{side} accuracy misses {percent(check['wanted'])} by {100 * (check['wanted'] - check['got']):.1f} points"
        )
    return f"{side} is {check['got'] / check['wanted']:.3g} times what was asked"


def _narrower(answer: Json, dial: DialKind, widths: Sequence[float]) -> str:
    """What makes a network narrow enough; nothing where a width it has or was asked for is as small as is wanted."""
    wanted = next((check["wanted"] for check in answer["val_checks"] if _too_wide(check)), 1.0)
    if wanted >= min(*dial.widths, *widths, 1.0):
        return ""
    shares = " ".join(human(width) for width in (wanted, *dial.widths))
    cut = f"ask for --widths {human(wanted)} too, or " if len(dial.widths) > 1 else ""  # one of one cannot be cut
    return f". None of its widths is that small: {cut}train a conditional dial with --widths {shares}."


def _too_wide(check: Json) -> bool:
    return check["name"] == "width_max" and not check["met"]


_COSTS: dict[str, tuple[str, Callable[[Json], str]]] = {
    "latency": ("latency_max", moment),
    "macs": ("macs_max", amount),
    "parameters": ("params_max", amount),
    "width": ("width_max", "{:g}".format),
}
