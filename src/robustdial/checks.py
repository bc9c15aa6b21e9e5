"""What an argument may be. Each check raises one line: what was given, what is wanted, and the usual slip.

`fields_fit` holds the fields of a frozen dataclass against their annotations, `checked` the arguments of a
function; the other checks are for what an annotation cannot say.
"""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import SequenceMatcher
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    TypeGuard,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:  # the command line names the nearest flag without waiting for torch
    import torch

P = ParamSpec("P")
R = TypeVar("R")

SEEDS = 2**32
"""Seeds are below this: what every generator of random numbers here takes."""

SLIP = 0.3
"""As far as an interpolation may leave [0, 1]; pixels beyond are of another range."""


def finite(name: str, value: object, remedy: str = "Give a finite number.") -> None:
    """Raise TypeError unless `value` is a number, ValueError if it is NaN or infinite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={said(value)} is no number.{_slip(value)} {remedy}")
    if not math.isfinite(value):
        raise ValueError(f"{name}={value} is not finite. {remedy}")


def whole(name: str, value: object, least: int = 0, most: float = math.inf, remedy: str = "") -> None:
    """Raise TypeError unless `value` is a whole number, ValueError unless it is from `least` to `most`.

    >>> whole("steps", 7.5)
    Traceback (most recent call last):
    TypeError: steps=7.5 is no whole number. Give one from 0 on.
    """
    usual = f"Give one from {least} on." if most == math.inf else f"Give one from {least} to {most:.0f}."
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}={said(value)} is no whole number.{_slip(value)} {remedy or usual}")
    if not least <= int(value) <= most:
        told = f": {remedy[0].lower()}{remedy[1:]}" if remedy else f" is out of range. {usual}"
        raise ValueError(f"{name}={said(value)}{told}")


def positive(name: str, value: object, remedy: str = "Give a positive number.") -> None:
    """Raise TypeError or ValueError unless `value` is a finite number above 0."""
    finite(name, value, remedy)
    if not value > 0:  # type: ignore[operator]
        raise ValueError(f"{name}={value} is not positive. {remedy}")


def share(name: str, value: object, remedy: str = "Give a share from 0 to 1.") -> None:
    """Raise TypeError or ValueError unless `value` is a number from 0 to 1."""
    finite(name, value, remedy)
    if not 0 <= value <= 1:  # type: ignore[operator]
        raise ValueError(f"{name}={value} is no share. {remedy}")


def seed(value: object) -> None:
    """Raise TypeError or ValueError unless `value` can seed every generator of random numbers here."""
    whole("seed", value, most=SEEDS - 1)


def one_of(name: str, value: object, known: Iterable[Any]) -> None:
    """Raise ValueError, with the nearest, unless `value` is one of the known names.

    >>> one_of("norm", "Linf", ("linf", "l2"))
    Traceback (most recent call last):
    ValueError: norm='Linf' is not known. The nearest is 'linf'; all of them: linf, l2.
    """
    known = tuple(known)
    if any(value is name or (isinstance(value, str) and value == name) for name in known):
        return
    near = f"The nearest is {nearest(value, known)!r}; all of them: " if isinstance(value, str) and value else "Give "
    raise ValueError(f"{name}={said(value)} is not known. {near}{', '.join(map(str, known))}.")


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that begins most like `name`, in whatever case; among equals, the most similar one.

    >>> nearest("epsilon", ["precision", "eps", "epochs"]), nearest("mdoel", ["momentum", "model"])
    ('eps', 'model')
    """
    low = name.lower()

    def likeness(other: str) -> tuple[int, float]:
        differs = [i for i, (a, b) in enumerate(zip(other, low, strict=False)) if a != b]
        return differs[0] if differs else min(len(other), len(low)), SequenceMatcher(None, other, low).ratio()

    return max(known, key=likeness)


def a(name: str, value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Raise TypeError unless `value` is of a kind; `wanted` says what to give.

    >>> a("method", "oat", dict, "a method, such as oat()")
    Traceback (most recent call last):
    TypeError: method is the text 'oat'. Give a method, such as oat().
    """
    # a class has what its instances have, so a protocol would take it for one of them
    if not isinstance(value, type) and isinstance(value, kind):
        return
    raise TypeError(f"{name} is {_kind(value)}.{_slip(value)} Give {wanted}.")


def fields_fit(component: Any) -> None:
    """Raise TypeError or ValueError unless the fields of a dataclass are what their annotations say.

    Numbers are finite, and not negative: a knob is a size, a share, a weight or a count.
    """
    kind: Any = type(component)
    for name, hint in _hints(kind):
        fits(name, getattr(component, name), hint)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose arguments are held against their annotations, in the same way, at the call.

    >>> @checked
    ... def half(steps: int, size: float = 1.0) -> float:
    ...     return size / 2
    >>> half(step=3)
    Traceback (most recent call last):
    TypeError: half has no argument 'step'. The nearest is 'steps'; all of them: steps, size.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def looked_at(*args: P.args, **named: P.kwargs) -> R:
        for name in named.keys() - signature.parameters.keys():
            known = tuple(signature.parameters)
            raise TypeError(
                f"{function.__name__} has no argument {name!r}. The nearest is {nearest(name, known)!r}; all of them: "
                f"{', '.join(known)}."
            )
        hints = _hints_of(function)
        for name, value in signature.bind(*args, **named).arguments.items():
            if name in hints:
                fits(name, value, hints[name])
        return function(*args, **named)

    return looked_at


def fits(name: str, value: object, hint: Any) -> None:
    """Raise TypeError or ValueError unless `value` is what an annotation says. What cannot be told passes."""
    origin, within = get_origin(hint), get_args(hint)
    if origin is Literal:
        one_of(name, value, within)
    elif origin in (Union, UnionType):
        _fits_one(name, value, within)
    elif hint is float:
        _not_negative(name, value)
    elif hint is int:
        whole(name, value)
    elif origin in (tuple, list, Sequence):
        _fits_each(name, value, within[0])
    elif isinstance(hint, type):
        _instance(name, value, hint)
    elif origin is Mapping and not isinstance(value, Mapping):
        raise TypeError(f"{name}={said(value)} is no mapping. Write it as a dict: {{'name': value}}.")
    elif origin is Callable and not callable(value):
        raise TypeError(f"{name}={said(value)} cannot be called. Give a function.")


@cache
def _hints_of(function: Any) -> dict[str, Any]:
    return get_type_hints(function)


@cache
def _hints(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


def _not_negative(name: str, value: object) -> None:
    remedy = "Give a finite number, 0 or more."
    finite(name, value, remedy)
    if value < 0:  # type: ignore[operator]
        raise ValueError(f"{name}={value} is negative. {remedy}")


def _fits_one(name: str, value: object, hints: tuple[Any, ...]) -> None:
    if value is None and NoneType in hints:
        return
    first, *others = (hint for hint in hints if hint is not NoneType)
    if not any(_does_fit(name, value, hint) for hint in others):
        fits(name, value, first)


def _does_fit(name: str, value: object, hint: Any) -> bool:
    try:
        fits(name, value, hint)
    except (TypeError, ValueError):
        return False
    return True


def _fits_each(name: str, values: object, hint: Any) -> None:
    if isinstance(values, str | bytes) or not isinstance(values, Collection):
        alone = values is None or isinstance(values, str | bytes | Real)
        remedy = f"Write it as a tuple: {name}=({said(values)},)." if alone else "Give a tuple or a list."
        raise TypeError(f"{name}={said(values)} is no sequence. {remedy}")
    for value in values:
        fits(name, value, hint)


def _instance(name: str, value: object, hint: type) -> None:
    wanted = _WANTED.get(hint.__name__, with_article(hint.__name__))
    try:
        isinstance(None, hint)
    except TypeError:  # a protocol that cannot be asked: what is evidently none of it is refused
        function = inspect.isroutine(value) and "__call__" not in vars(hint)
        if function or value is None or isinstance(value, _PLAIN) or _is_tensor(value):
            a(name, value, (), wanted)
    else:
        a(name, value, hint, wanted)


_PLAIN = (type, str, bytes, int, float, list, tuple, dict, set)


# how what is wanted is usually written, by the name of its class
_WANTED = {
    "Batch": "images and labels as one Batch(x, y)",
    "Data": "all of a data set, as load('digits'), from_tensors(train, test) or, of a Dataset or DataLoader, "
    "from_dataset(train, test) make it; batches are drawn from it",
    "Dialed": "a network with a dial, as dial(model) makes it",
    "Dials": "Dials(lambdas=(0, 0.5, 1))",
    "Fixed": "Dials(lambdas=(0, 0.5, 1)), or Fixed() for none",
    "Method": "a method, such as robustdial.oat()",
    "Module": "a network, a torch.nn.Module",
    "Objective": "an objective, such as AT()",
    "Optimizer": "an optimizer, such as optimizer_for(model, lr=0.1)",
    "Schedule": "a schedule, such as Constant(8)",
    "Solver": "a solver, such as PGD(Step(px(2)))",
    "Source": "a part of a data set, such as data.test",
    "Step": "Step(size=px(2))",
    "Tensor": "a tensor; torch.as_tensor makes one of an array",
    "Threat": "a threat, such as Linf(px(8))",
    "TrainState": "a training state, as TrainState.new(model) makes it",
    "bool": "True or False",
    "str": "text",
}


def with_article(noun: str) -> str:
    """
    >>> with_article("Step"), with_article("Encoding")
    ('a Step', 'an Encoding')
    """
    return f"{'an' if noun[0] in 'AEIOU' else 'a'} {noun}"


def device(name: str, value: object) -> torch.device:
    """The device that is meant. Raises TypeError or ValueError if there is none of the kind here."""
    import torch

    a(name, value, (str, torch.device), "the name of a device: cpu, cuda, cuda:1")
    try:
        found = torch.device(str(value))
    except RuntimeError:
        raise ValueError(f"{name}={said(value)} is no device. Write cpu, cuda or cuda:0.") from None
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"{name}={str(value)!r}: there are {torch.cuda.device_count()} CUDA devices here. Write cpu, or another."
        )
    return found


def default_device() -> None:
    """Raise ValueError if tensors are made on another device than the CPU unless told otherwise: what is drawn here is
    drawn on the CPU, so that it is the same everywhere."""
    import torch

    if (found := torch.empty(0).device).type != "cpu":
        raise ValueError(
            f"The default device is {found} (torch.set_default_device), and numbers are drawn on the CPU here. Set it "
            f"back to 'cpu', and move data and network with .to({str(found)!r})."
        )


def said(value: object) -> str:
    """A value in a few words, on one line.

    >>> said(0.5), said("l3"), said(len), said([0] * 100)
    ('0.5', "'l3'", 'the function len', 'a list of 100')
    """
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return _kind(value)


def _kind(value: object) -> str:
    """What a value is, in words."""
    if isinstance(value, str):
        return f"the text {said(value)}"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if _is_tensor(value):
        return f"a tensor of {list(value.shape)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', 'here')}"
    return with_article(type(value).__name__)


def _slip(value: object) -> str:
    """The usual slip that leads to such a value, as a sentence; empty if there is none."""
    if isinstance(value, type) or inspect.isroutine(value):
        return f" Its parentheses are missing: {getattr(value, '__name__', 'f')}()."
    if isinstance(value, str) and _is_number(value):
        return f" Leave the quotes out: {value}."
    if _is_tensor(value):
        return " A tensor of one number becomes one with .item(), several with .tolist()."
    if isinstance(value, Path):
        return f" A path is written as text: {str(value)!r}."
    return ""


def _is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    torch = sys.modules.get("torch")  # where there is no torch yet, there is no tensor
    return torch is not None and isinstance(value, torch.Tensor)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
