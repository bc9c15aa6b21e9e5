"""The command line as values: flags are a function's own arguments, errors are one line that names the remedy."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_type_hints

import tyro

from robustdial.cli.help import described, grouped, takes_floats, takes_several
from robustdial.cli.slips import (
    as_decimals,
    filled,
    gathered,
    spread,
    unknown_flag,
    without_value,
    wrong_hyphens,
    wrong_value,
)
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError, refuse

T = TypeVar("T")


PARSER = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
"""How the parser is to read: --no-x for what is on, and flags by their names alone."""


def bind(target: Callable[..., T], args: Sequence[str], prog: str, others: str = "main") -> Callable[[], T]:
    """`target` with the flags in `args` as its arguments; those that stand in no group of their own are `others`.

    Raises UsageError, one line, if they do not fit it.
    """
    _check_names(target, args)
    hints = get_type_hints(target)
    several = _named(hints, takes_several)
    refuse(without_value(args, several))
    args = tuple(gathered(tuple(spread(args, several)), several))
    args = tuple(as_decimals(args, _named(hints, takes_floats)))
    args = tuple(filled(args, _named(hints, lambda hint: bool in get_args(hint))))
    asked: Container[str] | None = given(args)
    if {"-h", "--help"} & {*args}:
        asked = None
        console.print(described(target.__doc__ or ""), "", soft_wrap=True, sep="\n")
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            values = tyro.cli(grouped(target, others, asked), args=list(args), prog=prog, description="", config=PARSER)
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise UsageError(f"{_one_line(box.getvalue())} See {prog} --help.") from None
    refuse(wrong_value(values))
    positional = [p.name for p in inspect.signature(target).parameters.values() if p.kind is p.POSITIONAL_ONLY]
    return functools.partial(target, *(values.pop(name) for name in positional), **values)


def given(argv: Sequence[str]) -> set[str]:
    """Names of the flags that were written out.

    >>> sorted(given(["oat", "--model-width", "16", "--no-dual", "--eps=8px"]))
    ['dual', 'eps', 'model_width']
    """
    names = (word[2:].partition("=")[0].replace("-", "_") for word in argv if word.startswith("--"))
    return {name.removeprefix("no_") for name in names}


def _named(hints: Mapping[str, Any], what: Callable[[Any], bool]) -> set[str]:
    """Names of the arguments of which that is true."""
    return {name for name, hint in hints.items() if what(hint)}


def _check_names(target: Callable[..., Any], args: Sequence[str]) -> None:
    known = ["help", *inspect.signature(target).parameters]
    for name in sorted(given(args)):
        if name not in known:
            raise UsageError(unknown_flag(name, known))
    refuse(wrong_hyphens(args, known))


def _one_line(box: str) -> str:
    # tyro frames its message; the frame, its rules and the repeated help text are left out
    lines = [_FRAME.sub("", line) for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    words: list[str] = []
    for line in lines[1:]:
        if line.startswith(("For full helptext", "Argument helptext")):
            break
        words += line.split()
    text = " ".join(words) or "The arguments are not understood"
    for theirs, ours in _PARSERS.items():
        text = re.sub(theirs, ours, text)
    return text.rstrip(".:") + "."


def _wanted(words: str) -> str:
    """
    >>> _wanted("PATH folder of the run. (required) TEXT user/name. (required)")
    'folder of the run, then user/name'
    """
    return ", then ".join(part.strip(" .").partition(" ")[2] for part in words.split("(required)")[:-1])


def _listed(choices: str) -> str:
    """
    >>> _listed("'val', 'None', 'test',")
    'test, val'
    """
    return ", ".join(sorted(set(re.findall(r"'(.*?)'", choices)) - {"None"}))


_FRAME = re.compile(r"^\W+$|^[╭╮╰╯│─+|\s]+|[╭╮╰╯│─+|\s]+$")

# what the parser of a number says, in words of the language it is written in
_PARSERS: dict[str, str | Callable[[re.Match[str]], str]] = {
    r"Error parsing (\S+): invalid literal for int\(\) with base 10: '([^']*)'": r"\1 \2 is no whole number",
    r"Error parsing (\S+): could not convert string to float: '([^']*)'": r"\1 \2 is no number",
    r"Error parsing (\S+): no type matching .* invalid literal for int\(\) .*: '([^']*)'": r"\1 \2 is no whole number",
    r"Error parsing (\S+): no type matching .* could not convert string to float: '([^']*)'": r"\1 \2 is no number",
    r"Error parsing (\S+): Could not find valid parse for arguments: \[(.*)\]": r"\1 cannot be \2",
    r"Missing from (.+?): (.* \(required\))": lambda found: f"{found[1]} needs more: {_wanted(found[2])}",
    r"Unrecognized options: (.*)": r"This is more than there is room for: \1",
    r"invalid choice '([^']*)' for argument '(-\S+)'": r"\2 \1 is not known",
    r"invalid choice '([^']*)' for argument '\S+'": r"\1 is not known",
    r"Expected one of \((.*)\)": lambda found: f"Choose from {_listed(found[1])}",
    r"Missing value for argument [^-\w]*([^\s',]+).*": r"\1 has no value behind it",
}
