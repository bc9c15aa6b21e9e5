"""The command line as values: flags are the recipes' own arguments, errors are one line that names the remedy."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeVar, get_origin, get_type_hints

import tyro

from robustdial.checks import nearest
from robustdial.cli.slips import spread, unknown_flag, wrong_value
from robustdial.recipes import RECIPES, Norm, Recipe, recipe
from robustdial.recipes.presets import PRESETS, Preset
from robustdial.run import Run
from robustdial.study.comparison import Entry
from robustdial.study.evaluation import EXTRAS
from robustdial.typing import px, written

T = TypeVar("T")

_FIRST = (
    "epochs of standard training before, in a run beside --out; the run starts from that network without a warm part, "
    "and half of each label is that network's answer, or as much as --distil says."
)
_PRESET = f"defaults of a published setting: {', '.join(PRESETS)}; what is written out goes before them."


class UsageError(ValueError):
    """A command line that cannot be understood."""


def refuse(why: str | None) -> None:
    """Raise UsageError with the reason, if there is one."""
    if why is not None:
        raise UsageError(why)


def bind(target: Callable[..., T], args: Sequence[str], prog: str) -> Callable[[], T]:
    """`target` with the flags in `args` as its arguments. Raises UsageError, one line, if they do not fit it."""

    signature = inspect.signature(target)

    @functools.wraps(target, updated=())
    def bound(*values: Any, **named: Any) -> Callable[[], T]:
        refuse(wrong_value(signature.bind(*values, **named).arguments))
        return functools.partial(target, *values, **named)

    _check_names(target, args)
    args = tuple(spread(args, _of_several(target)))
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.cli(bound, args=list(args), prog=prog, config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise UsageError(f"{_one_line(box.getvalue())} See {prog} --help.") from None


def choose(name: str, known: Sequence[str], what: str) -> str:
    """`name` if it is known. Raises UsageError with the nearest known name."""
    if name in known:
        return name
    raise UsageError(
        f"There is no {what} {name!r}. The nearest is {nearest(name, known)!r}; all of them: {', '.join(known)}."
    )


def radius(text: str) -> float:
    """A radius as people write it.

    >>> radius("8/255") == radius("8px") == 8 / 255, radius("0.5")
    (True, 0.5)
    """
    try:
        return float(Fraction(text.removesuffix("px"))) / 255 if text.endswith("px") else float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(f"--eps {text} is not a radius. Write it as 8/255, 8px or 0.031.") from None


def share(text: str, flag: str) -> float:
    """A share as people write it.

    >>> share("0.92", "--clean-min"), share("92%", "--clean-min")
    (0.92, 0.92)
    """
    return _number(text.removesuffix("%"), f"{flag} {text}", "Write 0.92 or 92%.") / (100 if "%" in text else 1)


def seconds(text: str, flag: str) -> float:
    """A time as people write it, with its unit.

    >>> seconds("5ms", "--latency-max"), seconds("300us", "--latency-max"), seconds("0.02s", "--latency-max")
    (0.005, 0.0003, 0.02)
    """
    units = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "s": 1.0}
    unit = next((unit for unit in units if text.endswith(unit)), None)
    remedy = "Write it with its unit: 5ms, 300us or 0.02s."
    if unit is None:
        raise UsageError(f"{flag} {text} is not a time. {remedy}")
    return _number(text.removesuffix(unit), f"{flag} {text}", remedy) * units[unit]


def count(text: str, flag: str) -> float:
    """A number of things as people write it.

    >>> count("100M", "--macs-max"), count("2e6", "--params-max")
    (100000000.0, 2000000.0)
    """
    units = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
    unit = next((unit for unit in units if text.endswith(unit)), "")
    return _number(text.removesuffix(unit), f"{flag} {text}", "Write 100M, 1.5G, 200k or 1e8.") * units.get(unit, 1.0)


def _number(text: str, what: str, remedy: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"{what} is not a number. {remedy}") from None
    if not math.isfinite(number):
        raise UsageError(f"{what} is not finite. {remedy}")
    return number


def entry_of(text: str, shared: Mapping[str, str], preset: Preset) -> Entry:
    """A method of a comparison: a recipe, and after a colon the knobs that differ from preset and own defaults.

    >>> entry_of("free:replays=4,carry=false", {"norm": "l2"}, Preset("", {})).knobs
    {'eps': 0.03137254901960784, 'norm': 'l2', 'replays': 4, 'step': 1.0, 'carry': False}
    >>> entry_of("oat:lambdas=0,0.5,1", {}, Preset("", {})).knobs["lambdas"]
    (0.0, 0.5, 1.0)
    """
    name, _, rest = text.partition(":")
    source = recipe(choose(name, tuple(RECIPES), "recipe"))
    knobs = _pairs(rest)
    for key in knobs:
        choose(key, tuple(inspect.signature(source).parameters), f"knob of {name}")
        if key in shared:
            raise UsageError(f"{text}: {key} is the same for every method of a comparison. Give it as --{key}.")
    flags = [word for key, values in knobs.items() for word in _flag(key, values)]
    flags += [f"--{key}={value}" for key, value in shared.items() if key in inspect.signature(source).parameters]
    values = bind(training_flags(source, _knobs_only(preset.of(name))), flags, f"robustdial train {name}")()
    return Entry(text, name, knobs_of(values, source))


def _pairs(text: str) -> dict[str, list[str]]:
    """`key=value,key=value` as a dict; a word without `=` is one more value of the key before.

    >>> _pairs("carry,lambdas=0,1")
    {'carry': [], 'lambdas': ['0', '1']}
    """
    pairs: dict[str, list[str]] = {}
    for word in filter(None, text.split(",")):
        key, equals, value = word.partition("=")
        if equals or not pairs or not pairs[next(reversed(pairs))]:
            pairs[key] = [value] if equals else []
        else:
            pairs[next(reversed(pairs))].append(word)
    return pairs


def _flag(key: str, values: list[str]) -> list[str]:
    if not values or values[0].lower() in ("true", "false"):
        return [f"--no-{key}" if values and values[0].lower() == "false" else f"--{key}"]
    return [f"--{key}", *values]


def _knobs_only(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a comparison sets for all methods alike."""
    alike = {f.name for f in fields(Run)} | {"eps"}
    return {key: value for key, value in settings.items() if key not in alike}


def preset_of(argv: Sequence[str]) -> Preset:
    """The preset that a command line names with --preset; one without settings if it names none."""
    words = [word for arg in argv for word in arg.split("=", 1)] if argv else []
    if "--preset" not in words[:-1]:
        return Preset("", {})
    return PRESETS[choose(words[words.index("--preset") + 1], tuple(PRESETS), "preset")]


def training_flags(recipe: Recipe, preset: Mapping[str, Any] = MappingProxyType({})) -> type:
    """A dataclass of what `robustdial train RECIPE` takes: the recipe's knobs, the fields of `Run`, and three flags.

    Defaults are those of the recipe and of `Run`, unless the settings `preset` have others.
    """
    hints = get_type_hints(recipe, include_extras=True)
    knobs: list[Any] = [
        (name, hints[name], field(default=preset.get(name, parameter.default)))
        for name, parameter in inspect.signature(recipe).parameters.items()
    ]
    knobs = [(n, str, field(default=written(f.default))) if n == "eps" else (n, t, f) for n, t, f in knobs]
    run_hints = get_type_hints(Run)
    runs: list[Any] = [(f.name, run_hints[f.name], field(default=preset.get(f.name, f.default))) for f in fields(Run)]
    own: list[Any] = [
        ("first", int, field(default=0)),
        ("preset", str, field(default="")),
        ("resume", bool, field(default=False)),
    ]
    flags = make_dataclass(recipe.__name__, [*knobs, *runs, *own])
    flags.__doc__ = (
        f"{_before_args(recipe)}\n\nArgs:\n{_args(recipe)}\n{_args(Run)}\n    first: {_FIRST}\n    preset: {_PRESET}\n"
        "    resume: continue the run in --out."
    )
    return flags


def comparison_flags(preset: Mapping[str, Any] = MappingProxyType({})) -> type:
    """A dataclass with the fields of `Run` and those of a comparison: what `robustdial compare METHOD...` takes."""
    hints = get_type_hints(Run)
    shared: list[Any] = [
        (f.name, hints[f.name], field(default=preset.get(f.name, f.default))) for f in fields(Run) if f.name != "out"
    ]
    own: list[Any] = [
        ("eps", str, field(default=written(preset.get("eps", px(8))))),
        ("norm", Norm, field(default="linf")),
        ("seeds", int, field(default=1)),
        ("attacks", tuple[str, ...], field(default=("pgd-20", "cw-20"))),
        ("n", int | None, field(default=None)),
        ("also", tuple[str, ...], field(default=())),
        ("preset", str, field(default="")),
        ("out", str, field(default="runs/compare")),
        ("resume", bool, field(default=False)),
    ]
    flags = make_dataclass("comparison", [*own, *shared])
    of_run = "\n".join(line for line in _args(Run).splitlines() if not line.strip().startswith("out:"))
    flags.__doc__ = (
        "Train and measure several methods alike: robustdial compare pgd-at m-pgd free:replays=4 --seeds 3\n\n"
        "Args:\n    eps: radius that all are measured at, and trained at where they have one: 8/255, 8px, 0.031.\n"
        "    norm: linf, l2 or l1, for every method.\n"
        "    seeds: runs per method, from --seed on.\n"
        "    attacks: to measure with: pgd-K, cw-K, apgd-ce, apgd-dlr, apgd-t, fab-t, square, autoattack.\n"
        f"    preset: {_PRESET}\n"
        f"    also: more columns, parts of an evaluation: {', '.join(EXTRAS)}.\n"
        "    n: class-balanced test images to measure on; all by default.\n    out: folder of the comparison.\n"
        f"    resume: continue the comparison in --out.\n{of_run}"
    )
    return flags


def knobs_of(flags: Any, recipe: Recipe) -> dict[str, Any]:
    """The recipe's own arguments among parsed flags."""
    knobs = {name: getattr(flags, name) for name in inspect.signature(recipe).parameters}
    return knobs | ({"eps": radius(knobs["eps"])} if "eps" in knobs else {})


def run_of(flags: Any) -> Run:
    """The fields of `Run` among parsed flags."""
    return Run(**{f.name: getattr(flags, f.name) for f in fields(Run)})


def given(argv: Sequence[str]) -> set[str]:
    """Names of the flags that were written out.

    >>> sorted(given(["oat", "--model-width", "16", "--no-dual", "--eps=8px"]))
    ['dual', 'eps', 'model_width']
    """
    names = (word[2:].partition("=")[0].replace("-", "_") for word in argv if word.startswith("--"))
    return {name.removeprefix("no_") for name in names}


def _of_several(target: Callable[..., Any]) -> set[str]:
    """Names of the arguments that take several values."""
    hints = get_type_hints(target)
    return {name for name, hint in hints.items() if get_origin(hint) is tuple}


def _check_names(target: Callable[..., Any], args: Sequence[str]) -> None:
    known = ["help", *inspect.signature(target).parameters]
    for name in sorted(given(args)):
        if name not in known:
            raise UsageError(unknown_flag(name, known))


def _one_line(box: str) -> str:
    # tyro frames its message; the frame, its rules and the repeated help text are left out
    lines = [re.sub(r"[╭╮╰╯│─+|]|-{3,}", "", line).strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    words: list[str] = []
    for line in lines[1:]:
        if line.startswith(("For full helptext", "Argument helptext")):
            break
        words += line.split()
    text = " ".join(words) or "The arguments are not understood"
    for theirs, ours in _PARSERS.items():
        text = re.sub(theirs, ours, text)
    return text.rstrip(".:") + "."


# what the parser of a number says, in words of the language it is written in
_PARSERS = {
    r"Error parsing (\S+): invalid literal for int\(\) with base 10: '([^']*)'": r"\1 \2 is no whole number",
    r"Error parsing (\S+): could not convert string to float: '([^']*)'": r"\1 \2 is no number",
    r"Error parsing (\S+): Could not find valid parse for arguments: \[(.*)\]": r"\1 cannot be \2",
}


def _before_args(source: object) -> str:
    return inspect.cleandoc(source.__doc__ or "").split("\nArgs:")[0].strip()


def _args(source: object) -> str:
    return inspect.cleandoc(source.__doc__ or "").split("\nArgs:\n")[1].split("\n\n")[0]
