"""A training method is five nouns."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass

from robustdial.checks import finite, fits, said
from robustdial.dial import DialKind, Fixed
from robustdial.method.objective import Objective, asks_teacher
from robustdial.method.schedule import Schedule
from robustdial.method.solver import Solver
from robustdial.method.threat import Threat
from robustdial.typing import Json


@dataclass(frozen=True)
class Method:
    """Where the adversary may move, how, what it may spend, what each side wants, and which dial the model exposes.

    Args:
        threat: for example `Linf(px(8))`.
        solver: for example `PGD(Step(px(2)))`.
        schedule: for example `Constant(8)`.
        objective: for example `AT()`.
        dial: `Fixed()` for a plain network, `Dials(...)` or another kind for a dialed one.
        unlabelled: share of each batch that is unlabelled images with pseudo-labels, in [0, 1): a fact of what is
            learned from, which any five nouns can have.
    """

    threat: Threat
    solver: Solver
    schedule: Schedule
    objective: Objective
    dial: DialKind = field(default_factory=Fixed)
    unlabelled: float = 0.0

    def __post_init__(self) -> None:
        for name, kind in {"threat": Threat, "solver": Solver, "schedule": Schedule, "objective": Objective}.items():
            fits(name, getattr(self, name), kind)
        if isinstance(self.dial, type) or not hasattr(self.dial, "seats"):  # anything that seats a batch will do
            raise TypeError(f"dial is {said(self.dial)}. Give Dials(lambdas=(0, 0.5, 1)), or Fixed() for none.")
        finite("unlabelled", self.unlabelled)
        if not 0 <= self.unlabelled < 1:
            raise ValueError(f"unlabelled={self.unlabelled:g} is not a share of a batch. Give it from 0 to below 1.")

    @property
    def asks_teacher(self) -> bool:
        """Whether a teacher is asked while the weights learn."""
        return asks_teacher(self.objective)

    @property
    def taught(self) -> bool:
        """Whether it has a use for a teacher by itself: while the weights learn, or for labels of unlabelled images."""
        return self.asks_teacher or self.unlabelled > 0


def describe(component: object) -> Json:
    """A component as JSON: its type and the fields that it shows, recursively.

    >>> from robustdial.method.threat import Linf
    >>> describe(Linf(0.5))
    {'type': 'Linf', 'eps': 0.5}
    """
    if is_dataclass(component):
        return {"type": type(component).__name__} | {
            f.name: describe(getattr(component, f.name)) for f in fields(component) if f.repr
        }
    if isinstance(component, tuple | list):
        return [describe(item) for item in component]
    return getattr(component, "__name__", component)  # a function, by its name
