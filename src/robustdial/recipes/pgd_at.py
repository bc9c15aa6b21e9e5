"""PGD adversarial training: the baseline of everything."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def pgd_at(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    step: float = 0.25,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""PGD adversarial training (Madry): learn from the worst image that k steps of ascent find.

        min_w  E  max_{|z| <= eps}  CE(f(x + z), y)

    Paper: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018.

    Cost: steps + 1 passes per image. One network, one compromise: no dial.

    Departures from the authors' code: the network is attacked in evaluation mode (`mode="train"` restores theirs).

    Published (their repository, CIFAR-10, WRN-32-10, eps 8/255): 87.1 % clean, 47.0 % under PGD-20.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch.
        step: step size as a share of eps; theirs is 2/255 for eps 8/255.
        mode: the attacked network runs with its running statistics (eval) or those of the batch (train).
    """
    threat = threat_of(norm, eps)
    return Method(threat, PGD(Step(size=step * eps), mode=mode), Constant(steps + 1), AT())
