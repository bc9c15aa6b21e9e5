"""Dynamic efficient adversarial training (DEAT), and its magnitude rule M+ on other methods."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT, MART, TRADES, Objective
from robustdial.method.schedule import Delayed, Magnitude, Rebound, Threshold
from robustdial.method.solver import PGD, Carried, Noisy, Replay, Solver, Step
from robustdial.method.threat import Threat
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.trades import START
from robustdial.typing import px

Rule = Literal["published", "rebound"]


@checked
def deat_d(eps: float = px(8), norm: Norm = "linf", every: int = 3, most: int = 5, step: float = 1.25) -> Method:
    r"""DEAT-d: free adversarial training with one replay more every few epochs.

        r_t = min(1 + t // every, most) replays in epoch t,  z ~ U(set) for each batch

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: r_t passes per image, each of which moves the weights.

    Departures from the authors' code: the start is clipped to the image; the momentum is not cycled with the learning
    rate.

    Published: no table of theirs was at hand for this variant.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        every: epochs between two increments.
        most: largest number of replays.
        step: step size as a share of eps.
    """
    threat = threat_of(norm, eps)
    return Method(threat, Replay(Step(size=step * eps)), Delayed(every, most), AT())


@checked
def deat_p(eps: float = px(8), norm: Norm = "linf", accuracy: float = 0.4, most: int = 4, step: float = 1.25) -> Method:
    r"""DEAT-p: free adversarial training with one replay more after every epoch of sufficient robust training accuracy.

        r <- min(r + 1, most)  after an epoch with robust training accuracy > accuracy,  z ~ U(set) for each batch

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: r passes per image, each of which moves the weights.

    Departures from the authors' code: the start is clipped to the image; the momentum is not cycled with the learning
    rate.

    Published: no table of theirs was at hand for this variant.

    Args:
        accuracy: robust training accuracy, of the last replay of each batch, above which a replay is added.
        others: as in `deat-d`.
    """
    threat = threat_of(norm, eps)
    return Method(threat, Replay(Step(size=step * eps)), Threshold(accuracy, most), AT())


@checked
def m_deat(
    eps: float = px(8),
    norm: Norm = "linf",
    gamma: float = 1.01,
    most: int = 8,
    step: float = 1.25,
    carry: bool = False,
    rule: Rule = "published",
) -> Method:
    r"""M+DEAT: free adversarial training with one replay more when the input gradient has grown.

        r <- r + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_x loss_i||_1 > bar,
        z ~ U(set) for each batch

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: r passes per image, each of which moves the weights; 4.9 on average over the 50 epochs of the published run.

    Departures from the authors' code: the gradient is a mean over images of pixels in [0, 1], theirs a sum over
    batches of normalised pixels.

    Published (CIFAR-10, PreAct ResNet-18, 50 epochs): 83.9 % clean, 48.9 % under PGD-100, 45.6 % under AutoAttack. On
    WRN-34-10 their run collapses from 34 % to 0.1 % robust accuracy, which the rule does not notice: use
    `--on-trouble`.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        gamma: growth of the gradient that is tolerated.
        most: largest number of replays.
        step: step size as a share of eps; the steps cover at least eps together.
        carry: the perturbation goes on from batch to batch, as in the paper's ImageNet runs.
        rule: the published one, or rebound, whose bar follows the gradient down (better where epochs are short).
    """
    threat, size = threat_of(norm, eps), Step(size=step * eps, spread=1.0)
    solver: Solver = Carried(size) if carry else Replay(size)
    schedule = Magnitude(gamma, most) if rule == "published" else Rebound(gamma, most)
    return Method(threat, solver, schedule, AT())


@checked
def m_pgd(
    eps: float = px(8),
    norm: Norm = "linf",
    gamma: float = 1.01,
    steps: int = 7,
    step: float = 0.25,
    full: int = 5,
) -> Method:
    r"""M+PGD: PGD adversarial training with one attack step more when the input gradient has grown.

        k <- k + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_z loss_i||_1 > bar,   k = 0 at first

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: k + 1 passes per image.

    Departures from the authors' code: the gradient is a mean over images. `full=5` is the variant of the rule that made
    their published row: k also grows while k steps do not reach eps; `full=1` is the rule of their code.

    Published (CIFAR-10, PreAct ResNet-18, 50 epochs): 83.4 % clean, 45.9 % under PGD-100, 42.6 % under AutoAttack.

    Args:
        steps: largest number of attack steps.
        full: passes below which one is added after every epoch from the third on; 5: 4 steps of eps / 4, and learning.
        others: as in `m-deat`.
    """
    return _guided(AT(), threat_of(norm, eps), Step(step * eps, spread=1.0), gamma, steps, full, noise=1.0)


@checked
def m_trades(
    eps: float = px(8),
    norm: Norm = "linf",
    gamma: float = 1.01,
    steps: int = 10,
    step: float = 0.25,
    full: int = 5,
    beta: float = 6.0,
) -> Method:
    r"""M+TRADES: TRADES with one attack step more when the input gradient has grown.

        k <- k + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_z beta KL_i||_1 > bar,   k = 0 at first

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: k + 2 passes per image (the clean one included), and a forward for the adversary's target.

    Departures from the authors' code: those of `m-pgd`; uniform instead of normal noise to start from, of the same
    size; the adversary's target is computed once for all its steps.

    Published (CIFAR-10, PreAct ResNet-18, 50 epochs): 79.9 % clean, 51.4 % under PGD-100, 47.5 % under AutoAttack.

    Args:
        step: step size as a share of eps.
        beta: weight of the divergence.
        others: as in `m-pgd`.
    """
    return _guided(TRADES(beta), threat_of(norm, eps), Step(step * eps), gamma, steps, full, noise=START)


@checked
def m_mart(
    eps: float = px(8),
    norm: Norm = "linf",
    gamma: float = 1.01,
    steps: int = 10,
    step: float = 0.25,
    full: int = 5,
    beta: float = 6.0,
) -> Method:
    r"""M+MART: MART with one attack step more when the input gradient has grown.

        k <- k + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_z loss_i||_1 > bar,   k = 0 at first

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021.

    Cost: k + 2 passes per image (the clean one included).

    Departures from the authors' code: those of `m-pgd`; uniform instead of normal noise to start from, of the same
    size.

    Published (CIFAR-10, PreAct ResNet-18, 50 epochs): 78.0 % clean, 55.8 % under PGD-100, 47.2 % under AutoAttack.

    Args:
        others: as in `m-trades`.
    """
    return _guided(MART(beta), threat_of(norm, eps), Step(step * eps), gamma, steps, full, noise=START)


@checked
def m_nfgsm(eps: float = px(8), norm: Norm = "linf", noise: float = 2.0, gamma: float = 1.01, steps: int = 7) -> Method:
    r"""M+N-FGSM: N-FGSM with one step more, and all of them shorter, when the input gradient has grown.

        k <- k + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_z loss_i||_1 > bar,   k = 0 at first
        z = u + k steps of eps / k,    u ~ U(-noise eps, noise eps),   no clipping

    The steps always cover eps together: more of them bend to where the loss is high.

    A composition of this library.

    Paper: Wang et al., Dynamic Efficient Adversarial Training Guided by Gradient Magnitude, 2021, for the rule; de
    Jorge et al., Make Some Noise: Reliable and Efficient Single-Step Adversarial Training, NeurIPS 2022, for the
    adversary.

    Cost: k + 1 passes per image.

    Departures from the authors' code: those of `m-deat` and of `n-fgsm`. The first epoch learns from clean images.

    Published: nothing.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        noise: size of the noise as a share of eps.
        gamma: growth of the gradient that is tolerated.
        steps: largest number of attack steps.
    """
    solver = Noisy(Step(spread=1.0), noise)
    return Method(threat_of(norm, eps), solver, Magnitude(gamma, steps + 1), AT())


def _guided(
    objective: Objective, threat: Threat, step: Step, gamma: float, steps: int, full: int, *, noise: float
) -> Method:
    schedule = Magnitude(gamma, steps + 1, min(full, steps + 1))
    return Method(threat, PGD(step, noise=noise, mode="train"), schedule, objective)
