"""JSON objects as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from robustdial.record.disk import write_text
from robustdial.record.forms import fault_of
from robustdial.record.names import AGAIN
from robustdial.record.shape import ANY, Form, fault
from robustdial.typing import Json


def write_json(path: Path, value: Json, *again: str) -> None:
    """Write JSON atomically; numbers that JSON cannot hold (NaN, infinity) raise ValueError."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n", *again)


def read_json(path: Path, remedy: str = AGAIN, form: Form = ANY) -> dict[str, Json]:
    """Read a JSON object, which has the form that a file of its name has, and `form`.

    Raises ValueError naming the file, what is wrong with it, and the remedy, if it is damaged.
    """
    try:
        found = parsed(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}). {remedy}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is damaged (it holds no object). {remedy}")
    wrong = fault_of(path.name, found) or fault(found, form)
    if wrong is not None:
        raise ValueError(f"{path} is damaged ({wrong}). {remedy}")
    return found


def parsed(text: str) -> Json:
    """JSON as it is written here, without NaN and infinity. Raises ValueError for anything else."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
