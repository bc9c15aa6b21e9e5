"""Helper-based adversarial training (HAT)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import TRADES, Helped
from robustdial.recipes.norms import Norm
from robustdial.recipes.trades import trades
from robustdial.typing import px


@checked
def hat(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    beta: float = 2.5,
    gamma: float = 0.5,
    reach: float = 2.0,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""Helper-based adversarial training (HAT): TRADES, and beyond its adversary the answer of a standard network.

        min_w  E  CE(f(x), y) + beta KL(p(x) || p(x + z)) + gamma CE(f(x + reach z), argmax t(x + z)),
        z = argmax_{|z| <= eps} KL(p(x) || p(x + z))

    The teacher t (`--teacher`, or `--first`) was trained without an adversary. The last term keeps the decision
    boundary from moving further away than robustness asks for, which costs clean accuracy.

    Paper: Rade & Moosavi-Dezfooli, Reducing Excessive Margin to Achieve a Better Accuracy vs. Robustness Trade-off,
    ICLR 2022.

    Cost: steps + 3 passes per image, and a forward for the adversary's target; the teacher's answers are not counted.

    Departures from the authors' code: uniform instead of normal noise to start from, of the same size. Read from it:
    equation, beta, gamma, reach and steps; the paper itself was not at hand.

    Published (their repository, CIFAR-10, ResNet-18, 50 epochs): 84.9 % clean, 49.1 % robust (AutoAttack, as their
    README measures).

    Args:
        beta: weight of the divergence.
        gamma: weight of the helper images.
        reach: how far the helper images are from the image, in perturbations.
        others: as in `trades`.
    """
    return replace(trades(eps, norm, steps, step, beta, mode), objective=Helped(TRADES(beta), gamma, reach))
