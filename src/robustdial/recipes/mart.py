"""MART."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import MART
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.trades import START
from robustdial.typing import px


@checked
def mart(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    beta: float = 6.0,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""Misclassification-aware adversarial training (MART): a margin, and the same answer where unsure.

        min_w  E  BCE(p(x + z), y) + beta KL(p(x) || p(x + z)) (1 - p_y(x)),    z = argmax_{|z| <= eps} CE(f(x + z), y)

    Paper: Wang et al., Improving Adversarial Robustness Requires Revisiting Misclassified Examples, ICLR 2020.

    Cost: steps + 2 passes per image (the clean one included).

    Departures from the authors' code: uniform instead of normal noise to start from, of the same size.

    Published (DEAT paper, CIFAR-10, PreAct ResNet-18): 75.9 % clean (by its logs), 54.9 % under PGD-100, 46.7 % under
    AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch.
        step: step size as a share of eps.
        beta: weight of the divergence.
        mode: the attacked network runs with its running statistics (eval) or those of the batch (train).
    """
    threat = threat_of(norm, eps)
    solver = PGD(Step(size=step * eps), noise=START, mode=mode)
    return Method(threat, solver, Constant(steps + 1), MART(beta))
