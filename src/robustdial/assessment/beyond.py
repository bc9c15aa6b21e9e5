"""More than one number: accuracy at every radius, in bad weather, and under threats that were not trained for."""

from __future__ import annotations

from collections.abc import Iterator

from robustdial.assessment.subject import Subject
from robustdial.corruption import LEVELS, corruptions
from robustdial.evaluate import SHARES, Accuracy, Trial, corrupted, curve, panel, unseen
from robustdial.threat import L2, Linf, Threat
from robustdial.typing import Json, written


class Curve:
    """Accuracy against the radius of the threat."""

    def __init__(self, subject: Subject) -> None:
        if not isinstance(subject.threat, Linf | L2):
            raise ValueError(f"{type(subject.threat).__name__} has no radius to draw a curve over. Leave it out.")
        self.subject, self.threat = subject, subject.threat

    def __len__(self) -> int:
        return len(SHARES)

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each radius, as soon as it is measured."""
        s = self.subject
        for eps, accuracy in curve(s.f, s.source, self.threat, seed=seed, batch=batch):
            yield {"eps": written(eps), "radius": eps, **_told("robust", accuracy)}


class Corruptions:
    """Accuracy in noise, blur, weather and compression."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def __len__(self) -> int:
        return len(LEVELS) * len(corruptions(self.subject.source.shape))

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each kind and level."""
        for kind, level, accuracy in corrupted(self.subject.f, self.subject.source, seed=seed, batch=batch):
            yield {"kind": kind, "level": level, **_told("accuracy", accuracy)}


class UnseenThreats:
    """Accuracy under threats of other kinds, with the radii that are customary for small colour images."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.trials: list[Trial] = [trial for trial in panel() if trial.threat != subject.threat]

    def __len__(self) -> int:
        return len(self.trials)

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each threat."""
        s = self.subject
        for trial, accuracy in unseen(s.f, s.source, self.trials, seed=seed, batch=batch, device=s.device):
            yield {"threat": _spoken(trial.threat), "attack": trial.attack.name, **_told("robust", accuracy)}


EXTRAS: dict[str, type[Curve | Corruptions | UnseenThreats]] = {
    "curve": Curve,
    "corruptions": Corruptions,
    "unseen": UnseenThreats,
}
"""Parts of `score.json` that are measured when they are asked for."""


def _told(name: str, accuracy: Accuracy) -> dict[str, Json]:
    interval = "interval" if name == "accuracy" else f"{name}_interval"
    return {name: accuracy.value, interval: list(accuracy.interval), "n": accuracy.n}


def _spoken(threat: Threat) -> str:
    size = f" {written(threat.radius)}" if isinstance(threat, Linf | L2) else ""
    return type(threat).__name__ + size
