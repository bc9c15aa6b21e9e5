"""What is known of an evaluation without looking at the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class Stage(NamedTuple):
    """One attack of a cascade."""

    attack: str
    """Its name in reports, such as `apgd-ce`."""
    tried: int
    """Images that it was tried on: those still standing."""
    standing: int
    """Images that stood afterwards."""


@dataclass(frozen=True)
class Facts:
    """What the caller knows of an evaluation; None, or nothing, for what is not known.

    Args:
        part: the part of the data that was measured.
        chosen_on: the part that decided which checkpoint was measured; "none" for the last of a training.
        n: images that were measured.
        interval: of the accuracy that is claimed, as fractions.
        gap: the difference of accuracies that is claimed, as a fraction.
        classes: their names, in the order of the labels.
        stages: of the cascade that was run, in turn.
    """

    part: Literal["train", "val", "test"] | None = None
    chosen_on: Literal["train", "val", "test", "none"] | None = None
    n: int | None = None
    interval: tuple[float, float] | None = None
    gap: float | None = None
    classes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()


NOTHING_KNOWN = Facts()
