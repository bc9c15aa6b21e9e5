"""Files of JSON lines: one is added, and what is there stays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from robustdial.record.disk import flush, write_text
from robustdial.record.errors import named
from robustdial.record.forms import TRAINED_EPOCH, fault_of
from robustdial.record.names import EPOCHS
from robustdial.record.shape import fault
from robustdial.typing import Json

_REMEDY = "Delete that line; a training goes on with --resume from its checkpoint."


def append_line(path: Path, line: Mapping[str, Json]) -> None:
    """Add a line to a file of JSON lines, through to the disk."""
    with named(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
        file.flush()
        flush(file.fileno())


def read_lines(path: Path) -> list[dict[str, Json]]:
    """The lines of a file of JSON lines; none if there is no file.

    A line that a kill cut short is left out, and so is anything else that is no JSON. Raises ValueError for one that is
    JSON, and not of the form that the lines of this file have.
    """
    if not path.is_file():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        with suppress(json.JSONDecodeError, RecursionError):
            lines.append(_checked(path, number, text))
    return lines


def write_lines(path: Path, lines: Sequence[Mapping[str, Json]]) -> None:
    """Write a file of JSON lines anew, atomically."""
    write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def append_epoch(folder: Path, epoch: Mapping[str, Json]) -> None:
    """Add a line to `epochs.jsonl`, through to the disk."""
    append_line(folder / EPOCHS, epoch)


def read_epochs(folder: Path) -> list[dict[str, Json]]:
    """The finished epochs. A line that a kill cut short is left out."""
    return read_lines(folder / EPOCHS)


def read_training(folder: Path) -> list[dict[str, Json]]:
    """The finished epochs of a training, each with all that a training goes on from. Raises ValueError otherwise."""
    epochs = read_epochs(folder)
    for number, epoch in enumerate(epochs, start=1):
        wrong = fault(epoch, TRAINED_EPOCH)
        if wrong is not None:
            raise ValueError(f"{folder / EPOCHS} is damaged in line {number} ({wrong}). {_REMEDY}")
    return epochs


def keep_epochs(folder: Path, number: int) -> None:
    """Drop what was written after epoch `number`: a resumed run will write it again. Of lines of one epoch, the last
    stays."""
    kept = {epoch["epoch"]: epoch for epoch in read_epochs(folder) if epoch["epoch"] <= number}
    write_lines(folder / EPOCHS, [kept[epoch] for epoch in sorted(kept)])


def _checked(path: Path, number: int, text: str) -> dict[str, Json]:
    line = json.loads(text, parse_constant=lambda _: None)  # a number that is none is a gap in a curve
    wrong = fault_of(path.name, line) if isinstance(line, dict) else "it holds no object"
    if wrong is not None:
        raise ValueError(f"{path} is damaged in line {number} ({wrong}). {_REMEDY}")
    return dict(line)
