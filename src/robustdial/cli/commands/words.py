"""A look at the words of commands that name recipes: help and refusals come before anything slow is imported."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from robustdial.cli.arguments import bind
from robustdial.cli.flags import Flag, comparison_flags, preset_of, recipe_named, training_flags
from robustdial.cli.outline import table
from robustdial.cli.terminal import console
from robustdial.plan.devices import DEVICES as KNOWN


def train_words(argv: Sequence[str]) -> bool:
    """Whether there is something to train. Raises UsageError if the words are not understood."""
    if not argv or argv[0] in ("-h", "--help"):
        console.print(f"usage: robustdial train RECIPE [flags]\n\nrecipes: {', '.join(table('recipes', 'RECIPES'))}")
        console.print("flags:   robustdial train oat --help")
        return False
    _check_flags("train", argv)
    return True


_KINDS = "what to train on: here, 2xhere, or a number and a kind, such as 8xH200; kinds: "
DEVICES = Flag("devices", "here", f"{_KINDS}{', '.join(KNOWN)}.")


def plan_words(argv: Sequence[str]) -> bool:
    """Whether there is something to plan. Raises UsageError if the words are not understood."""
    if not argv or argv[0] in ("-h", "--help"):
        console.print("usage: robustdial plan RECIPE --devices 8xH200 [the flags of robustdial train RECIPE]\n")
        console.print(f"--devices: {DEVICES.help}", "flags:   robustdial plan oat --help", sep="\n", soft_wrap=True)
        return False
    _check_flags("plan", argv, DEVICES)
    return True


def compare_words(argv: Sequence[str]) -> bool:
    """Whether there is something to compare. Raises UsageError if the words are not understood."""
    names = list(takewhile(lambda word: not word.startswith("-"), argv))
    bind(comparison_flags(preset_of(argv).shared), argv[len(names) :], "robustdial compare")
    return True


def _check_flags(command: str, argv: Sequence[str], *more: Flag) -> None:
    """Raise UsageError if there is no such recipe, or the words behind it are not its flags."""
    flags = training_flags(recipe_named(argv[0]), preset_of(argv).of(argv[0]), more)
    bind(flags, argv[1:], f"robustdial {command} {argv[0]}", "method")
