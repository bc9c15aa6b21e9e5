"""YOPO: inner steps through the first layer only."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import YOPO, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def yopo(eps: float = px(8), norm: Norm = "linf", passes: int = 5, inner: int = 3, step: float = 0.25) -> Method:
    r"""You only propagate once, YOPO-m-n: m passes to an update, n steps of the adversary after each.

        p = -grad_h CE  at the first layer's output h;   n times  z <- clip_eps(z - step eps sign grad_z p^T h(x + z))

    Paper: Zhang et al., You Only Propagate Once: Accelerating Adversarial Training via Maximal Principle, NeurIPS 2019.

    Cost: m passes per image; the inner steps are free (the first layer is affine).

    Departures from the authors' code: an update takes the mean of its passes' gradients, not the sum, so their learning
    rate is ours divided by m; the first layer's gradient is counted once, theirs twice.

    Published (DEAT paper, CIFAR-10, PreAct ResNet-18, YOPO-5-3): 82.1 % clean, 43.0 % under PGD-100, 40.7 % under
    AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        passes: passes that make up an update, m.
        inner: steps of the adversary after each pass, n.
        step: step size as a share of eps.
    """
    threat = threat_of(norm, eps)
    return Method(threat, YOPO(Step(size=step * eps), inner), Constant(passes), AT())
