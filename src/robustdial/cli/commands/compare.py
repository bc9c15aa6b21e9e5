"""`robustdial compare`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import takewhile
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from robustdial import record
from robustdial.cli.arguments import bind, given
from robustdial.cli.bars import ComparisonBar
from robustdial.cli.commands.report_page import write_page
from robustdial.cli.commands.two_stage import DISTIL
from robustdial.cli.compared import comparison_table, print_comparison_notes
from robustdial.cli.console import print_notes
from robustdial.cli.entries import entry_of
from robustdial.cli.flags import comparison_flags, preset_of, run_of
from robustdial.cli.quantities import radius
from robustdial.cli.slips import flag
from robustdial.cli.terminal import console, stoppable
from robustdial.recipes import threat_of
from robustdial.report.words import duration
from robustdial.run import places_of
from robustdial.study.comparison import Comparison, Entry, SharedStart, begin, reopen
from robustdial.study.comparison import compare as compare_by_turns

if TYPE_CHECKING:
    from robustdial.recipes.presets import Preset


def compare(argv: Sequence[str]) -> int:
    """Train and measure several methods alike: robustdial compare pgd-at m-pgd free:replays=4 --seeds 3 --out runs/c"""
    names = list(takewhile(lambda word: not word.startswith("-"), argv))
    preset = preset_of(argv)
    flags = bind(comparison_flags(preset.shared), argv[len(names) :], "robustdial compare")()
    if flags.resume:
        comparison = reopen(Path(flags.out), flags.device if "device" in given(argv) else None)
        fixed = [*names, *map(flag, sorted(given(argv) - {"out", "resume", "device"}))]
        if fixed and not (names and _is_same(_asked(names, flags, preset, given(argv)), comparison)):
            raise ValueError(f"A resumed comparison keeps its methods and settings. Drop {' '.join(fixed)}.")
    else:
        comparison = _asked(names, flags, preset, given(argv))
        comparison.check_attacks()
        notes, seconds = begin(comparison)
        print_notes(notes)
        console.print(f"cost: about {duration(seconds)} of training on this machine, validation included")
    return _compare(comparison)


def _asked(names: Sequence[str], flags: Any, preset: Preset, written: set[str]) -> Comparison:
    """The comparison that a command line describes, of methods and flags, of which some are written out."""
    entries = tuple(entry_of(name, {"eps": flags.eps, "norm": flags.norm}, preset) for name in names)
    threat, first = threat_of(flags.norm, radius(flags.eps)), None
    if flags.first:
        first = SharedStart(flags.first, flags.distil if "distil" in written else DISTIL)
        entries = tuple(map(_not_warmed, entries))
        flags.distil = 0.0  # of the methods alone, and they are taught by what comes first
    measured = (flags.seeds, flags.attack, flags.n, threat, flags.also, first)
    return Comparison(entries, run_of(flags), *measured)


def _is_same(asked: Comparison, begun: Comparison) -> bool:
    """Whether a command line describes the comparison that is there, wherever it lies and is trained."""

    def said(comparison: Comparison) -> str:
        run = replace(comparison.run, device="auto", out="")
        places = {name: place for name, place in places_of(run).items() if name != "root"}
        return json.dumps([asdict(comparison) | {"run": asdict(run) | places}], default=str, sort_keys=True)

    return said(asked) == said(begun)


def _not_warmed(entry: Entry) -> Entry:
    """The method without a warm part of its own, unless one was written out: the shared start is what that would be."""
    warm = "warm" in entry.knobs and "warm=" not in entry.label
    return entry._replace(knobs=entry.knobs | {"warm": 0.0}) if warm else entry


def _compare(comparison: Comparison) -> int:
    turns, shown = compare_by_turns(comparison), ComparisonBar(comparison)
    with stoppable() as stop, shown.bar:
        for turn in turns:
            shown.show(turn)
            if stop.asked:
                turns.close()  # saves the run at hand
                break
    about = record.read_json(comparison.folder / record.COMPARE)
    console.print(comparison_table(about))
    print_comparison_notes(about)
    if stop.asked:
        console.print("stopped and saved. Continue with:")
        console.print(f"  robustdial compare --resume --out {quote(str(comparison.folder))}", soft_wrap=True)
        return 130
    write_page(comparison.folder)
    return 0
