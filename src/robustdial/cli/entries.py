"""A method of a comparison in one word: a recipe with knobs behind a colon."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from robustdial.cli.arguments import bind
from robustdial.cli.flags import knobs_of, recipe_named, training_flags
from robustdial.cli.outline import outline
from robustdial.cli.usage import UsageError, choose

if TYPE_CHECKING:
    from robustdial.recipes.presets import Preset
    from robustdial.study.comparison import Entry


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
