"""What `troubles.jsonl` holds when a run is resumed."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.training.health import Trouble
from robustdial.typing import Json


def known_troubles(folder: Path, known: int | None) -> list[dict[str, Json]]:
    """The lines of `troubles.jsonl` that hold for a checkpoint that counts `known` of them; the others are dropped.

    A line is written before what it tells of is done, and what is done ends in a checkpoint. One that the checkpoint
    does not count is of work that a kill has undone, and comes again with it; except where a state could not be saved
    because it was broken: then the line is all there is. Checkpoints of earlier versions count none: all lines stay.
    """
    path = folder / record.TROUBLES
    lines = record.read_lines(path)
    counted = len(lines) if known is None else known
    kept = lines[:counted] + [line for line in lines[counted:] if _unsaved(line)]
    if path.is_file():
        record.write_lines(path, kept)
    return kept


def _unsaved(line: dict[str, Json]) -> bool:
    return line["trouble"] == Trouble.NOT_FINITE and str(line["action"]).startswith("stopped")
