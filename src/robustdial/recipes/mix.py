"""A dial between two networks that are there already; nothing is trained."""

from __future__ import annotations

from typing import Literal

from robustdial.dial import DialKind, Interpolated, Mixed, Nuts
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px

Way = Literal["probabilities", "nuts", "interpolate"]


def mix(
    eps: float = px(8),
    norm: Norm = "linf",
    way: Way = "probabilities",
    scale: float = 1.0,
    power: float = 1.0,
    bias: float = 0.0,
) -> Method:
    """Two given networks under one dial, as `robustdial mix` makes it; lambda is the share of the second.

    Args:
        eps: radius of the threat that it is measured against, in pixels of [0, 1].
        norm: linf or l2.
        way: probabilities mixed as they are, or as in MixedNUTS, or weights interpolated.
        scale, power, bias: s, p and c of MixedNUTS.
    """
    kinds: dict[str, DialKind] = {
        "probabilities": Mixed(),
        "nuts": Mixed(bend=Nuts(scale, power, bias)),
        "interpolate": Interpolated(),
    }
    return Method(threat_of(norm, eps), PGD(Step(spread=1.0)), Constant(1), AT(), kinds[way])
