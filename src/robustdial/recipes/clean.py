"""Training without an adversary: what everything else starts from, or is compared with."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def clean(eps: float = px(8), norm: Norm = "linf") -> Method:
    r"""Standard training: cross-entropy on clean images.

        min_w  E  CE(f(x), y)

    Paper: Vapnik, Principles of Risk Minimization for Learning Theory, NeurIPS 1991.

    Cost: 1 pass per image.

    Departures from the authors' code: none; there is nothing to depart from.

    Args:
        eps: radius of the threat that the network is measured against, in pixels of [0, 1].
        norm: linf, l2 or l1.
    """
    return Method(threat_of(norm, eps), PGD(Step(spread=1.0), noise=0.0), Constant(1), AT())
