"""Whether a run went well, at each position of its dial."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from robustdial import record
from robustdial.typing import Json

HEALTHY = "healthy"
FALLEN = 0.15
"""Clean accuracy that a position may lose without having gained as much robust accuracy for it."""


def health_of(folder: Path, lam: float | None) -> str | None:
    """What went wrong in a run as far as it touches one position, or that it is healthy; None of one not begun.

    First the troubles of the run that were not mended, then what became of the position on the validation part.
    """
    if not (folder / record.EPOCHS).exists() and not record.read_lines(folder / record.TROUBLES):
        return None
    troubles = [t for t in record.read_lines(folder / record.TROUBLES) if t.get("lam") in (None, lam)]
    unmended = [trouble for trouble in troubles if not trouble["action"].startswith("back")]
    if unmended:
        return f"{unmended[0]['trouble']} in epoch {unmended[0]['epoch']}"
    fallen = _fallen(record.read_training(folder), lam)
    if fallen is not None:
        return fallen
    return f"{troubles[0]['trouble']} in epoch {troubles[0]['epoch']}, taken back" if troubles else HEALTHY


def _fallen(epochs: list[dict[str, Json]], lam: float | None) -> str | None:
    """That clean accuracy on the validation part has fallen for nothing, in words.

    What is lost of it in return for robust accuracy is the trade that the position is there for.
    """
    seen = [(epoch["epoch"], point) for epoch in epochs for point in _at(epoch, lam)]
    if not seen:
        return None
    (when, best), (_, now) = max(seen, key=lambda one: one[1]["clean"]), seen[-1]
    lost = best["clean"] - now["clean"]
    gained = (now.get("robust") or 0.0) - (best.get("robust") or 0.0)
    chance = 2 * math.sqrt(0.5 / (now.get("n") or 1))  # how far two shares lie apart by chance, at the most
    if lost <= max(FALLEN, chance) or lost <= gained:
        return None
    return f"clean accuracy fell from {100 * best['clean']:.0f} % in epoch {when} to {100 * now['clean']:.0f} %"


def _at(epoch: Mapping[str, Json], lam: float | None) -> Iterator[Mapping[str, Json]]:
    return (point for point in epoch.get("val") or [] if point["lam"] == lam and point["clean"] is not None)
