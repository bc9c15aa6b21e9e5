"""More than one number: at every radius, in bad weather, under other threats, on warped images, other backgrounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from robustdial.attack import check_supports, strong
from robustdial.data.corruption import LEVELS, corruptions
from robustdial.evaluate import (
    SHARES,
    Accuracy,
    Corrupted,
    Trial,
    background,
    background_of,
    corrupted,
    curve,
    mean_accuracy,
    panel,
    unseen,
    warps,
)
from robustdial.method.threat import Ball, Masked, Threat
from robustdial.study.evaluation.target import Subject
from robustdial.typing import Json, written


class Curve:
    """Accuracy against the radius of the threat."""

    def __init__(self, subject: Subject) -> None:
        if not isinstance(subject.threat, Ball):
            raise ValueError(f"{subject.threat.name} has no radius to draw a curve over. Leave it out.")
        self.subject, self.threat, self.attack = subject, subject.threat, strong()
        check_supports(self.attack, self.threat)

    def __len__(self) -> int:
        return len(SHARES)

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each radius, as soon as it is measured; all under one attack, whichever is asked for elsewhere."""
        s, attack = self.subject, self.attack
        for eps, accuracy in curve(s.f, s.source, self.threat, attack, seed=seed, batch=batch):
            yield {"eps": written(eps), "radius": eps, "attack": attack.name, **_told("robust", accuracy)}

    def columns(self, rows: Sequence[Json]) -> dict[str, float]:
        """The robust accuracy at every radius."""
        return {f"at {row['eps']}, {row['attack']}": row["robust"] for row in rows}


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

    def columns(self, rows: Sequence[Json]) -> dict[str, float]:
        """The mean corruption accuracy, from which the kinds for validation are left out."""
        counted = [(row["kind"], row["level"], round(row["accuracy"] * row["n"]), row["n"]) for row in rows]
        found = [Corrupted(kind, level, Accuracy(correct, n)) for kind, level, correct, n in counted]
        return {"mean corruption accuracy": mean_accuracy(found)}


class Threats:
    """Accuracy under several threats, each by the name that it has in reports."""

    def __init__(self, subject: Subject, trials: Sequence[tuple[str, Trial]]) -> None:
        self.subject, self.trials = subject, trials

    def __len__(self) -> int:
        return len(self.trials)

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each threat."""
        s, names = self.subject, [name for name, _ in self.trials]
        found = unseen(s.f, s.source, [trial for _, trial in self.trials], seed=seed, batch=batch, device=s.device)
        for name, (trial, accuracy) in zip(names, found, strict=True):
            yield {"threat": name, "attack": trial.attack.name, **_told("robust", accuracy)}

    def columns(self, rows: Sequence[Json]) -> dict[str, float]:
        """The accuracy under every threat."""
        return {f"{row['threat']}, {row['attack']}": row["robust"] for row in rows}


def unseen_threats(subject: Subject) -> Threats:
    """Threats of other kinds, with the radii that are customary for small colour images."""
    others = (trial for trial in panel() if trial.threat != subject.threat)
    return Threats(subject, [(_spoken(trial.threat), trial) for trial in others])


def warped(subject: Subject) -> Threats:
    """Images that are turned, moved and skewed (RTS): one at random of each, and the worst of ten."""
    return Threats(subject, [("RTS", trial) for trial in warps()])


class Background:
    """Accuracy when only the background changes, and when only the foreground does."""

    def __init__(self, subject: Subject) -> None:
        ball = subject.threat.threat if isinstance(subject.threat, Masked) else subject.threat
        if not isinstance(ball, Ball):
            raise ValueError(f"{subject.threat.name} does not change pixels one by one. Leave background out.")
        check_supports(strong(), ball)
        self.subject, self.ball, self.mask = subject, ball, background_of(subject.source)

    def __len__(self) -> int:
        return 4

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """A row for each change, with the mask that tells the background."""
        s, mask = self.subject, repr(self.mask)
        found = background(s.f, s.source, self.mask, self.ball, batch=batch, seed=seed, device=s.device)
        for part, how, accuracy in found:
            yield {"changed": part, "how": how, "background": mask, **_told("robust", accuracy)}

    def columns(self, rows: Sequence[Json]) -> dict[str, float]:
        """The accuracy after every change."""
        return {f"{row['changed']}: {row['how']}": row["robust"] for row in rows}


class Extra(Protocol):
    """A part of `score.json` that is measured when it is asked for."""

    def __len__(self) -> int:
        """How many rows it has."""
        ...

    def rows(self, seed: int, batch: int) -> Iterator[Json]:
        """Its rows, each as soon as it is measured."""
        ...

    def columns(self, rows: Sequence[Json]) -> dict[str, float]:
        """The few numbers that stand for it in a table of networks."""
        ...


EXTRAS: dict[str, Callable[[Subject], Extra]] = {
    "curve": Curve,
    "corruptions": Corruptions,
    "unseen": unseen_threats,
    "warps": warped,
    "background": Background,
}
"""Parts of `score.json` that are measured when they are asked for."""


def _told(name: str, accuracy: Accuracy) -> dict[str, Json]:
    interval = "interval" if name == "accuracy" else f"{name}_interval"
    return {name: accuracy.value, interval: list(accuracy.interval), "n": accuracy.n}


def _spoken(threat: Threat) -> str:
    size = f" {written(threat.radius)}" if isinstance(threat, Ball) else ""
    return threat.name + size
