"""What a help page looks like: flags in groups, and defaults as people write them.

The parser draws a box for every group it is given, so the flags of a command are handed to it as one dataclass for each
group, and put together again after it has read them.
"""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Container
from dataclasses import field, fields, make_dataclass
from fractions import Fraction
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

_GROUPS = {
    "main": "data model eps epochs batch lr first seed device devices out",
    "method": "norm preset",
    "data": "size limit val label image background classes labelled unlabelled extra extra_share root workers",
    "network": "model_width pretrained start weights output compile",
    "training": "rate warmup eps_schedule optimizer momentum weight_decay layer_decay clip ema awp label_smoothing "
    "augment mixup cutmix teacher teacher_weights distil on_trouble",
    "measuring": "budget chosen_on",
    "machine": "accumulate grad_checkpointing precision save_every sync_norm shard_weights shard",
    "output": "resume log json",
}
"""The groups in the order of the page, and the flags of each; the knobs of a recipe belong to the method."""

_GROUP_OF = {flag: group for group, flags in _GROUPS.items() for flag in flags.split()}
_ORDER = tuple(_GROUP_OF)
_METAVARS = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH"}
_PAGE = 100  # lines of text that are longer are hard to read


def grouped(
    target: Callable[..., Any], others: str = "main", asked: Container[str] | None = None
) -> Callable[..., dict[str, Any]]:
    """A function of groups of flags, which gives the arguments that `target` takes.

    Args:
        target: a function or a dataclass; its arguments are the flags, what stands under Args their help.
        others: group of the flags that stand in none.
        asked: the flags to be read, by default all. Others have their default, if there is one, and are kept from the
            parser: those of a training take it longer than anything else it does.
    """
    hints, helps = get_type_hints(target), _helps(target.__doc__ or "")
    positional: list[inspect.Parameter] = []
    groups: dict[str, list[tuple[str, Any, Any]]] = {}
    left: dict[str, Any] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        alone, needed = parameter.kind is parameter.POSITIONAL_ONLY, parameter.default is parameter.empty
        if not (alone or needed or asked is None or name in asked):
            left[name] = parameter.default
            continue
        kind = _described(hints[name], parameter.default, helps.get(name, ""), alone)
        if alone:
            positional.append(parameter.replace(annotation=kind))
        else:
            flag = (name, kind, field(default=parameter.default))
            groups.setdefault(_GROUP_OF.get(name, others), []).append(flag)
    kinds = {
        group: make_dataclass(group, [*sorted(groups[group], key=_place)], repr=False, eq=False)
        for group in _GROUPS
        if group in groups
    }

    def together(*given: Any, **in_groups: Any) -> dict[str, Any]:
        flags = {f.name: getattr(group, f.name) for group in in_groups.values() for f in fields(group)}
        return {parameter.name: value for parameter, value in zip(positional, given, strict=True)} | flags | left

    wanted = [
        inspect.Parameter(group, inspect.Parameter.KEYWORD_ONLY, annotation=kind) for group, kind in kinds.items()
    ]
    together.__signature__ = inspect.Signature([*positional, *wanted])  # type: ignore[attr-defined]
    together.__annotations__ = {parameter.name: parameter.annotation for parameter in (*positional, *wanted)}
    return together


def described(text: str) -> str:
    """A docstring as the text of a help page: without its arguments, wrapped; formulas stay as they are."""
    width = min(shutil.get_terminal_size().columns, _PAGE)
    paragraphs = inspect.cleandoc(text).partition("\nArgs:\n")[0].strip().split("\n\n")
    return "\n\n".join(
        part if part.startswith(" ") else textwrap.fill(" ".join(part.split()), width) for part in paragraphs
    )


def human(value: object) -> str:
    """A value as people write it; empty for none.

    >>> human(1 / 6), human(8 / 255), human(5e-4), human(1.0), human((0.0, 1 / 3)), human(None), human(True)
    ('1/6', '8/255', '0.0005', '1', '0 1/3', '', 'on')
    """
    if value is None or value is False or value in ("", ()):
        return ""
    if value is True:
        return "on"
    if isinstance(value, tuple):
        return " ".join(map(human, value))
    if not isinstance(value, float):
        return str(value)
    short, ratio = f"{value:.6g}", Fraction(value).limit_denominator(255)
    return short if float(short) == value else str(ratio) if float(ratio) == value else repr(value)


def takes_floats(hint: Any) -> bool:
    """Whether the values of a flag are numbers that need not be whole."""
    return hint is float or float in get_args(hint)


def takes_several(hint: Any) -> bool:
    """Whether a flag takes several values, each a word of its own."""
    return any(get_origin(kind) is tuple for kind in (hint, *get_args(hint)))


def _place(flag: tuple[str, Any, Any]) -> int:
    """Where a flag stands within its group; those that are in no list keep their order, in front."""
    return _ORDER.index(flag[0]) if flag[0] in _ORDER else -1


def _described(hint: Any, default: object, text: str, alone: bool) -> Any:
    """What the parser is told of a flag, or of a word that stands alone."""
    needed, metavar = default is inspect.Parameter.empty, _metavar(hint)
    shown = "" if needed else human(default)
    if alone and not needed and metavar:
        metavar = f"[{metavar}]"
    aside = f"(default: {shown})" if shown else ""
    return Annotated[hint, tyro.conf.arg(help=text, help_behavior_hint=aside, metavar=metavar)]


def _metavar(hint: Any) -> str | None:
    """What stands for the value of a flag; None for what the parser writes well itself."""
    if get_origin(hint) is tuple:
        one = _METAVARS.get(get_args(hint)[0])
        return one and f"{one} ..."
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if len(kinds) == 1 and get_origin(kinds[0]) is tuple:
        return _metavar(kinds[0])
    if len(kinds) == 1 and get_origin(kinds[0]) is Literal:
        return "{" + ",".join(map(str, get_args(kinds[0]))) + "}"
    if len(kinds) > 1 and bool in kinds:  # a flag that may stand alone
        return f"[{'|'.join(word for kind in kinds for word in get_args(kind))}]"
    names = [_METAVARS.get(kind, "") for kind in kinds]
    return "|".join(names) if all(names) else None


def _helps(doc: str) -> dict[str, str]:
    """What is said of each argument."""
    rows = re.findall(r"(?m)^ {4}(\w+(?:, \w+)*): (.+(?:\n {8}.+)*)", inspect.cleandoc(doc).partition("Args:\n")[2])
    return {name: " ".join(words.split()) for names, words in rows for name in names.split(", ")}
