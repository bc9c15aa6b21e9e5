"""Flags of the commands that train: a recipe's own arguments, and what every run needs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from robustdial.cli.outline import outline, table
from robustdial.cli.quantities import radius
from robustdial.cli.usage import UsageError, choose
from robustdial.docstrings import written_out
from robustdial.typing import px, written

if TYPE_CHECKING:
    from robustdial.recipes import Recipe
    from robustdial.recipes.presets import Preset
    from robustdial.run import Run


_FIRST = (
    "epochs of standard training before, in a run beside --out; the run starts from that network without a warm part, "
    "and half of each label is that network's answer, or as much as --distil says."
)


_LOG = "where the numbers of each epoch go besides epochs.jsonl: tensorboard, wandb, mlflow."


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
    flags = make_dataclass(recipe.__name__, [*knobs, *runs, *own], repr=False, eq=False)
    doc = written_out(recipe, recipe_named)
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
        ("attack", tuple[str, ...], field(default=("pgd-20", "cw-20"))),
        ("n", int | None, field(default=None)),
        ("also", tuple[str, ...], field(default=())),
        ("first", int, field(default=0)),
        ("preset", str, field(default="")),
        ("out", str, field(default="runs/compare")),
        ("resume", bool, field(default=False)),
    ]
    flags = make_dataclass("comparison", [*own, *shared], repr=False, eq=False)
    parts = ", ".join(table("study.evaluation.extra_measurements", "EXTRAS"))
    of_run = "\n".join(line for line in _args(settings.__doc__).splitlines() if not line.strip().startswith("out:"))
    flags.__doc__ = (
        "Train and measure several methods alike: robustdial compare pgd-at m-pgd free:replays=4 --seeds 3\n\n"
        "Args:\n    eps: radius that all are measured at, and trained at where they have one: 8/255, 8px, 0.031.\n"
        "    norm: linf, l2 or l1, for every method.\n"
        "    seeds: runs per method, from --seed on.\n"
        "    attack: one or more, a column for each: pgd-K, cw-K, apgd-ce, apgd-dlr, apgd-t, fab-t, square, "
        "autoattack, or several joined by +.\n"
        "    first: epochs of standard training before, once for each seed: every method starts from that network "
        "without a warm part of its own; half of each label is that network's answer, or as much as --distil says. "
        "Its passes and seconds count for every method.\n"
        f"    preset: {_preset()}\n"
        f"    also: more columns, parts of an evaluation: {parts}.\n"
        "    n: class-balanced test images to measure on; all by default.\n    out: folder of the comparison.\n"
        f"    resume: continue the comparison in --out.\n{of_run}"
    )
    return flags


def preset_of(argv: Sequence[str]) -> Preset:
    """The preset that a command line names with --preset; one without settings if it names none."""
    known = outline("recipes.presets", "PRESETS")
    words = [word for arg in argv for word in arg.split("=", 1)] if argv else []
    if "--preset" not in words[:-1]:
        none: Preset = outline("recipes.presets", "Preset")("", {})
        return none
    preset: Preset = known[choose(words[words.index("--preset") + 1], tuple(known), "preset")]
    return preset


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


def _preset() -> str:
    known = ", ".join(table("recipes.presets", "PRESETS"))
    return f"defaults of a published setting: {known}; what is written out goes before them."


def _in_short(recipe: Recipe) -> str:
    """What a recipe is and what it solves, and where to read on."""
    summary, formula, *_ = (*inspect.cleandoc(recipe.__doc__ or "").split("\n\n"), "", "")
    name = next((key for key, value in table("recipes", "RECIPES").items() if value == recipe.__name__), "")
    further = f"In full, with its paper and its cost: robustdial methods {name}"
    return "\n\n".join([summary, *[formula] * formula.startswith(" "), *[further] * bool(name)])


def _args(doc: str | None) -> str:
    return inspect.cleandoc(doc or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
