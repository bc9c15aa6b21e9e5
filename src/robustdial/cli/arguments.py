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
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

import tyro

from robustdial.checks import nearest
from robustdial.cli.help import described, grouped, takes_floats
from robustdial.cli.outline import outline, table
from robustdial.cli.slips import as_decimals, spread, unknown_flag, wrong_value
from robustdial.cli.terminal import console
from robustdial.docstrings import written_out
from robustdial.typing import px, written

if TYPE_CHECKING:
    from robustdial.method.threat import Threat
    from robustdial.recipes import Recipe
    from robustdial.recipes.presets import Preset
    from robustdial.run import Run
    from robustdial.study.comparison import Entry

T = TypeVar("T")

_FIRST = (
    "epochs of standard training before, in a run beside --out; the run starts from that network without a warm part, "
    "and half of each label is that network's answer, or as much as --distil says."
)


_LOG = "where the numbers of each epoch go besides epochs.jsonl: tensorboard, wandb, mlflow."


def _preset() -> str:
    known = ", ".join(table("recipes.presets", "PRESETS"))
    return f"defaults of a published setting: {known}; what is written out goes before them."


class UsageError(ValueError):
    """A command line that cannot be understood."""


def refuse(why: str | None) -> None:
    """Raise UsageError with the reason, if there is one."""
    if why is not None:
        raise UsageError(why)


def bind(target: Callable[..., T], args: Sequence[str], prog: str, others: str = "main") -> Callable[[], T]:
    """`target` with the flags in `args` as its arguments; those that stand in no group of their own are `others`.

    Raises UsageError, one line, if they do not fit it.
    """
    _check_names(target, args)
    hints = get_type_hints(target)
    args = tuple(spread(args, _named(hints, lambda hint: get_origin(hint) is tuple)))
    args = tuple(as_decimals(args, _named(hints, takes_floats)))
    if {"-h", "--help"} & {*args}:
        console.print(described(target.__doc__ or ""), "", soft_wrap=True, sep="\n")
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            values = tyro.cli(grouped(target, others), args=list(args), prog=prog, description="", config=PARSER)
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise UsageError(f"{_one_line(box.getvalue())} See {prog} --help.") from None
    refuse(wrong_value(values))
    positional = [p.name for p in inspect.signature(target).parameters.values() if p.kind is p.POSITIONAL_ONLY]
    return functools.partial(target, *(values.pop(name) for name in positional), **values)


PARSER = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
"""How the parser is to read: --no-x for what is on, and flags by their names alone."""


def choose(name: str, known: Sequence[str], what: str) -> str:
    """`name` if it is known. Raises UsageError with the nearest known name."""
    if name in known:
        return name
    raise UsageError(
        f"There is no {what} {name!r}. The nearest is {nearest(name, known)!r}; all of them: {', '.join(known)}."
    )


def radius(text: str, said: str = "") -> float:
    """A radius as people write it; an error says where it stood, `said`, by default behind --eps.

    >>> radius("8/255") == radius("8px") == 8 / 255, radius("0.5")
    (True, 0.5)
    """
    try:
        return float(Fraction(text.removesuffix("px"))) / 255 if text.endswith("px") else float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(f"{said or f'--eps {text}'} is not a radius. Write it as 8/255, 8px or 0.031.") from None


def threats(text: str) -> Threat:
    """A norm with its radius (of l0, pixels), or several joined by +, as the union of their balls.

    >>> threats("linf:8px+l1:12").name, threats("l2:0.5").name, threats("l0:24")
    ('Linf 8/255 + L1 12', 'L2', L0(pixels=24))
    """
    from robustdial.method.threat import Union
    from robustdial.recipes import Norm, threat_of
    from robustdial.recipes.norms import sparse

    balls = []
    for part in text.split("+"):
        norm, colon, size = part.strip().partition(":")
        choose(norm, (*get_args(Norm), "l0"), "norm")
        if not colon or not size:
            raise UsageError(f"--threat {text}: {norm} has no radius. Write it behind a colon: {norm}:0.5.")
        number = radius(size, f"--threat {text}: {size}")
        balls.append(sparse(number) if norm == "l0" else threat_of(cast(Norm, norm), number))
    return Union(tuple(balls)) if len(balls) > 1 else balls[0]


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

    >>> from robustdial.recipes.presets import Preset
    >>> entry_of("free:replays=4,carry=false", {"norm": "l2"}, Preset("", {})).knobs
    {'eps': 0.03137254901960784, 'norm': 'l2', 'replays': 4, 'step': 1.0, 'carry': False}
    >>> entry_of("oat:lambdas=0,0.5,1", {}, Preset("", {})).knobs["lambdas"]
    (0.0, 0.5, 1.0)
    """
    from robustdial.own_code import absolute
    from robustdial.study.comparison import Entry

    name, rest = _with_knobs(text)
    source = recipe_named(name)
    knobs = _pairs(rest)
    for key in knobs:
        choose(key, tuple(inspect.signature(source).parameters), f"knob of {name}")
        if key in shared:
            raise UsageError(f"{text}: {key} is the same for every method of a comparison. Give it as --{key}.")
    flags = [word for key, values in knobs.items() for word in _flag(key, values)]
    flags += [f"--{key}={value}" for key, value in shared.items() if key in inspect.signature(source).parameters]
    values = bind(training_flags(source, _knobs_only(preset.of(name))), flags, f"robustdial train {name}")()
    return Entry(_label(text, name), absolute(name), knobs_of(values, source))


def _label(text: str, name: str) -> str:
    """A method of a comparison as tables show it: of a file, its name alone."""
    return text if ".py:" not in name else text[len(name.rpartition("/")[0]) :].lstrip("/")


def _with_knobs(text: str) -> tuple[str, str]:
    """
    >>> _with_knobs("free:replays=4"), _with_knobs("a/b.py:mine:steps=2")
    (('free', 'replays=4'), ('a/b.py:mine', 'steps=2'))
    """
    place, inside, rest = text.rpartition(".py:")
    name, _, knobs = rest.partition(":")
    return place + inside + name, knobs


def recipe_named(name: str) -> Recipe:
    """The recipe of a name, as a stand-in that is imported when it is called; that of a place, `file.py:recipe`.

    Raises UsageError with the nearest name.
    """
    if ".py:" in name:
        from robustdial.recipes import recipe as found

        return found(name)
    recipes = table("recipes", "RECIPES")
    recipe: Recipe = outline("recipes", recipes[choose(name, tuple(recipes), "recipe")])
    return recipe


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
    alike = {f.name for f in fields(outline("run.settings", "Run"))} | {"eps"}
    return {key: value for key, value in settings.items() if key not in alike}


def preset_of(argv: Sequence[str]) -> Preset:
    """The preset that a command line names with --preset; one without settings if it names none."""
    known = outline("recipes.presets", "PRESETS")
    words = [word for arg in argv for word in arg.split("=", 1)] if argv else []
    if "--preset" not in words[:-1]:
        none: Preset = outline("recipes.presets", "Preset")("", {})
        return none
    preset: Preset = known[choose(words[words.index("--preset") + 1], tuple(known), "preset")]
    return preset


class Flag(NamedTuple):
    """One more flag of a command, a text."""

    name: str
    default: str
    help: str


def training_flags(recipe: Recipe, preset: Mapping[str, Any] = MappingProxyType({}), more: Sequence[Flag] = ()) -> type:
    """A dataclass of what `robustdial train RECIPE` takes: the recipe's knobs, the fields of `Run`, some flags, `more`.

    Defaults are those of the recipe and of `Run`, unless the settings `preset` have others.
    """
    settings, hints = outline("run.settings", "Run"), get_type_hints(recipe, include_extras=True)
    knobs: list[Any] = [
        (name, hints[name], field(default=preset.get(name, parameter.default)))
        for name, parameter in inspect.signature(recipe).parameters.items()
    ]
    taken = {f.name for f in fields(settings)} | {"first", "preset", "log", "resume", *(flag.name for flag in more)}
    for name in inspect.signature(recipe).parameters.keys() & taken:
        raise UsageError(f"The recipe {recipe.__name__} has a knob {name}, which is a flag of every run. Rename it.")
    knobs = [(n, str, field(default=written(f.default))) if n == "eps" else (n, t, f) for n, t, f in knobs]
    runs: list[Any] = [(f.name, f.type, field(default=preset.get(f.name, f.default))) for f in fields(settings)]
    own: list[Any] = [
        ("first", int, field(default=0)),
        ("preset", str, field(default="")),
        ("log", tuple[str, ...], field(default=())),
        ("resume", bool, field(default=False)),
        *((flag.name, str, field(default=flag.default)) for flag in more),
    ]
    flags, doc = make_dataclass(recipe.__name__, [*knobs, *runs, *own]), written_out(recipe, recipe_named)
    flags.__doc__ = (
        f"{_in_short(recipe)}\n\nArgs:\n{_args(doc)}\n{_args(settings.__doc__)}\n    first: {_FIRST}\n"
        f"    preset: {_preset()}\n    log: {_LOG}\n    resume: continue the run in --out."
        + "".join(f"\n    {flag.name}: {flag.help}" for flag in more)
    )
    return flags


def comparison_flags(preset: Mapping[str, Any] = MappingProxyType({})) -> type:
    """A dataclass with the fields of `Run` and those of a comparison: what `robustdial compare METHOD...` takes."""
    settings = outline("run.settings", "Run")
    shared: list[Any] = [
        (f.name, f.type, field(default=preset.get(f.name, f.default))) for f in fields(settings) if f.name != "out"
    ]
    own: list[Any] = [
        ("eps", str, field(default=written(preset.get("eps", px(8))))),
        ("norm", outline("recipes.norms", "Norm"), field(default="linf")),
        ("seeds", int, field(default=1)),
        ("attacks", tuple[str, ...], field(default=("pgd-20", "cw-20"))),
        ("n", int | None, field(default=None)),
        ("also", tuple[str, ...], field(default=())),
        ("first", int, field(default=0)),
        ("preset", str, field(default="")),
        ("out", str, field(default="runs/compare")),
        ("resume", bool, field(default=False)),
    ]
    flags = make_dataclass("comparison", [*own, *shared])
    parts = ", ".join(table("study.evaluation.extra_measurements", "EXTRAS"))
    of_run = "\n".join(line for line in _args(settings.__doc__).splitlines() if not line.strip().startswith("out:"))
    flags.__doc__ = (
        "Train and measure several methods alike: robustdial compare pgd-at m-pgd free:replays=4 --seeds 3\n\n"
        "Args:\n    eps: radius that all are measured at, and trained at where they have one: 8/255, 8px, 0.031.\n"
        "    norm: linf, l2 or l1, for every method.\n"
        "    seeds: runs per method, from --seed on.\n"
        "    attacks: to measure with: pgd-K, cw-K, apgd-ce, apgd-dlr, apgd-t, fab-t, square, autoattack.\n"
        "    first: epochs of standard training before, once for each seed: every method starts from that network "
        "without a warm part of its own; half of each label is that network's answer, or as much as --distil says. "
        "Its passes and seconds count for every method.\n"
        f"    preset: {_preset()}\n"
        f"    also: more columns, parts of an evaluation: {parts}.\n"
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
    from robustdial.own_code import absolute
    from robustdial.run import Run

    values = {f.name: getattr(flags, f.name) for f in fields(Run)}
    places = {name: absolute(values[name]) for name in ("model", "augment", "teacher") if values[name]}
    return Run(**values | places)


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


def _in_short(recipe: Recipe) -> str:
    """What a recipe is and what it solves, and where to read on."""
    summary, formula, *_ = (*inspect.cleandoc(recipe.__doc__ or "").split("\n\n"), "", "")
    name = next((key for key, value in table("recipes", "RECIPES").items() if value == recipe.__name__), "")
    further = f"In full, with its paper and its cost: robustdial methods {name}"
    return "\n\n".join([summary, *[formula] * formula.startswith(" "), *[further] * bool(name)])


def _args(doc: str | None) -> str:
    return inspect.cleandoc(doc or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
