"""How the radius of the adversary grows over the training: a network that could do without one gets used to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from robustdial.checks import fields_fit
from robustdial.method import Method
from robustdial.method.threat import Ball


@dataclass(frozen=True)
class Growth:
    """The radius grows by a straight line from 0 to that of the threat.

    Args:
        share: of the training until it is reached, in [0, 1]; 0 for the whole radius from the beginning.

    >>> Growth(0.5)(0.125), Growth(0.5)(0.75), Growth()(0.125)
    (0.25, 1.0, 1.0)
    """

    share: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if not 0 <= self.share <= 1:
            raise ValueError(f"share={self.share:g} is not a share of the training. Give one such as 0.3.")

    def __call__(self, progress: float) -> float:
        """The share of the radius at `progress` in (0, 1] of the training."""
        return min(1.0, progress / self.share) if self.share else 1.0

    def of(self, method: Method, progress: float) -> Method:
        """The method at `progress`. Raises ValueError if its threat is no ball, whose radius could grow."""
        if not self.share:
            return method
        if not isinstance(method.threat, Ball):
            raise ValueError(
                f"--eps-schedule needs a threat with a radius, and {method.threat.name} has none that could grow. "
                "Leave it out."
            )
        return replace(method, threat=method.threat.of_radius(self(progress) * method.threat.radius))


AT_ONCE = Growth()


def parse_growth(name: str | None) -> Growth:
    """The growth of a name, `linear:0.3`; None for the whole radius at once.

    >>> parse_growth("linear:0.3"), parse_growth(None)
    (Growth(share=0.3), Growth(share=0.0))
    """
    if name is None:
        return AT_ONCE
    kind, _, share = name.partition(":")
    try:
        found = float(share)
    except ValueError:
        found = 0.0
    if kind != "linear" or not 0 < found <= 1:
        raise ValueError(
            f"--eps-schedule {name} is not known. Write linear:0.3, for a radius that grows over the first 0.3 of the "
            "training."
        )
    return Growth(found)
