"""Friendly adversarial training, also of TRADES and MART."""

from __future__ import annotations

from dataclasses import replace

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT, MART, TRADES
from robustdial.method.schedule import Constant
from robustdial.method.solver import Friendly, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.trades import START
from robustdial.typing import px


@checked
def fat(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    patience: int = 1,
    jitter: float = 0.03,
) -> Method:
    r"""Friendly adversarial training (FAT): the adversary stops `patience` steps after the network has begun to err.

        min_w  E  CE(f(x + z), y),    z the first perturbation on the path of PGD that is misclassified

    Paper: Zhang et al., Attacks Which Do Not Kill Training Make Adversarial Learning Stronger, ICML 2020.

    Cost: at most steps + 1 passes per image; an image that has stopped costs nothing more.

    Departures from the authors' code: the patience is the same throughout (theirs grows from 0 to 2); a step of eps /
    4. FAT-5 of the DEAT paper is `--steps 5 --patience 3`.

    Published (their repository, CIFAR-10, WRN-32-10, eps 8/255): 89.3 % clean, 46.1 % under PGD-20; (DEAT paper, PreAct
    ResNet-18, FAT-5) 81.8 % clean, 48.7 % under PGD-100, 44.9 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: most attack steps per image.
        step: step size as a share of eps.
        patience: steps that a misclassified image still makes, tau.
        jitter: standard deviation of normal noise added to every step, as a share of eps.
    """
    threat = threat_of(norm, eps)
    solver = Friendly(Step(size=step * eps), patience, jitter=jitter)
    return Method(threat, solver, Constant(steps + 1), AT())


@checked
def fat_trades(
    eps: float = px(8), norm: Norm = "linf", steps: int = 10, step: float = 0.25, patience: int = 3, beta: float = 6.0
) -> Method:
    r"""Friendly TRADES: the adversary that raises the divergence stops where the network has begun to err.

        min_w  E  CE(f(x), y) + beta KL(p(x) || p(x + z)),    z from a path of PGD on the divergence, stopped early

    Paper: Zhang et al., Attacks Which Do Not Kill Training Make Adversarial Learning Stronger, ICML 2020.

    Cost: at most steps + 2 passes per image, and a forward for the adversary's target.

    Departures from the authors' code: those of `fat` and `trades`.

    Published (their repository, CIFAR-10, WRN-34-10, eps 8/255): 86.6 % clean, 56.0 % under PGD-20; (DEAT paper, PreAct
    ResNet-18) 81.9 % clean, 51.1 % under PGD-100, 47.5 % under AutoAttack.

    Args:
        beta: weight of the divergence.
        others: as in `fat`.
    """
    threat = threat_of(norm, eps)
    solver = Friendly(Step(size=step * eps), patience, noise=START)
    return Method(threat, solver, Constant(steps + 1), TRADES(beta))


@checked
def fat_mart(
    eps: float = px(8), norm: Norm = "linf", steps: int = 10, step: float = 0.25, patience: int = 3, beta: float = 6.0
) -> Method:
    r"""Friendly MART: its adversary stops where the network has begun to err.

        min_w  E  BCE(p(x + z), y) + beta KL(p(x) || p(x + z)) (1 - p_y(x)),    z from a path of PGD, stopped early

    Paper: Zhang et al., Attacks Which Do Not Kill Training Make Adversarial Learning Stronger, ICML 2020.

    Cost: at most steps + 2 passes per image.

    Departures from the authors' code: those of `fat` and `mart`.

    Published (DEAT paper, CIFAR-10, PreAct ResNet-18): 84.1 % clean, 49.5 % under PGD-100, 45.5 % under AutoAttack.

    Args:
        others: as in `fat-trades`.
    """
    return replace(fat_trades(eps, norm, steps, step, patience), objective=MART(beta))
