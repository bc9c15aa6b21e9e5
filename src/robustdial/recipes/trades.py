"""TRADES."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import TRADES
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px

START = 0.055
"""The authors start from normal noise of standard deviation 0.001; uniform noise in this share of 8/255 has it too."""


@checked
def trades(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    beta: float = 6.0,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""TRADES: be right on the clean image, and give the same answer all around it.

        min_w  E  CE(f(x), y) + beta max_{|z| <= eps} KL(p(x) || p(x + z))

    Paper: Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy, ICML 2019.

    Cost: steps + 2 passes per image (the clean one included), and a forward for the adversary's target.

    Departures from the authors' code: uniform instead of normal noise to start from, of the same size; one clean
    forward in training mode where theirs makes two, so that running statistics move once less.

    Published (their repository, CIFAR-10, WRN-34-10, beta 6): 84.9 % clean, 56.6 % under PGD-20, 53.1 % under
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
    return Method(threat, solver, Constant(steps + 1), TRADES(beta))
