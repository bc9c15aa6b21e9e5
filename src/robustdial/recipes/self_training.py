"""Robust self-training: unlabelled images, with the labels that a standard network guesses, pay for robustness."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import TRADES, Blend, SelfTraining
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step, WorstOf
from robustdial.method.threat import spatial
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.oat import oat
from robustdial.recipes.trades import START, trades
from robustdial.typing import px


@checked
def rst(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    beta: float = 0.5,
    unlabelled_share: float = 0.5,
    clean_weight: float = 0.9,
    adv_weight: float = 0.5,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""Robust self-training (RST): learn from clean and adversarial images, labelled ones and pseudo-labelled ones.

        min_w  (1 - beta) mean_u CE(f(x), y) + beta mean_v max_{|z| <= eps} CE(f(x + z), y),

    where the means weigh pseudo-labels (clean_weight, adv_weight) against given labels (the rest to 1). A standard
    network of the same labels, `--teacher`, gives the pseudo-labels once.

    Paper: Raghunathan et al., Understanding and Mitigating the Tradeoff between Robustness and Accuracy, ICML 2020.

    Cost: steps + 2 passes per image; 1 with beta 0, which is standard self-training. An epoch has as many images as
    there are labelled and unlabelled ones together.

    Departures from the authors' code: an epoch as above (theirs: 50,000 images for any data); the clean forward comes
    before the attack (theirs after the adversarial one), which matters to running statistics alone; uniform instead of
    normal noise to start from, of the same size.

    Published (their table 1, CIFAR-10 and 500,000 images of Tiny Images, WRN-28-10, eps 0.031): 91.8 % clean, 58.5 %
    under PGD-40 with 5 restarts; adversarial training alone 87.3 and 45.8, standard training 95.2 and 0.8, standard
    self-training 96.4 and 0.3.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch.
        step: step size as a share of eps; theirs is 0.007 for eps 0.031.
        beta: weight of the adversarial term.
        unlabelled_share: share of each batch that is unlabelled.
        clean_weight: of pseudo-labels in the clean term.
        adv_weight: of pseudo-labels in the adversarial term.
        mode: the attacked network runs with its running statistics (eval) or those of the batch (train).
    """
    threat, objective = threat_of(norm, eps), SelfTraining(Blend(beta), clean_weight, adv_weight)
    solver = PGD(Step(size=step * eps), noise=START if beta else 0.0, mode=mode)
    return Method(threat, solver, Constant(steps + 1 if beta else 1), objective, unlabelled=unlabelled_share)


@checked
def rst_trades(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    beta: float = 6.0,
    unlabelled_share: float = 0.5,
    clean_weight: float = 0.5,
    adv_weight: float = 0.5,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""Robust self-training with TRADES: labelled and pseudo-labelled images alike.

        min_w  mean_u CE(f(x), y) + beta mean_v max_{|z| <= eps} KL(p(x) || p(x + z))

    Paper: Carmon et al., Unlabeled Data Improves Adversarial Robustness, NeurIPS 2019, where both kinds of images weigh
    the same; Raghunathan et al., ICML 2020, with weights.

    Cost: steps + 2 passes per image, and a forward for the adversary's target. An epoch has as many images as there
    are labelled and unlabelled ones together.

    Departures from the authors' code: those of `trades`, and an epoch as above.

    Published (Carmon et al., CIFAR-10 and 500,000 images of Tiny Images, WRN-28-10, eps 0.031): 89.7 % clean, 62.5 %
    under their attack, 59.5 % under AutoAttack.

    Args:
        step: step size as a share of eps.
        beta: weight of the divergence.
        adv_weight: of pseudo-labels in the divergence, which no label enters; it weighs the images.
        others: as in `rst`.
    """
    objective = SelfTraining(TRADES(beta), clean_weight, adv_weight)
    return replace(trades(eps, norm, steps, step, beta, mode), objective=objective, unlabelled=unlabelled_share)


@checked
def rst_oat(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    zeros: float | None = None,
    unlabelled_share: float = 0.5,
    clean_weight: float = 0.9,
    adv_weight: float = 0.5,
) -> Method:
    r"""Robust self-training on a dial: lambda takes the place of beta.

        min_w  E_lambda  mean_u (1 - lambda) CE(f(x, lambda), y)
                       + mean_v lambda max_{|z| <= eps} CE(f(x + z, lambda), y)

    A composition of this library: `oat` that learns as `rst` does.

    Paper: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020, and Raghunathan et al., Understanding and
    Mitigating the Tradeoff between Robustness and Accuracy, ICML 2020; together they are in neither.

    Cost: steps + 2 passes per image with lambda > 0, 1 with lambda = 0. An epoch has as many images as there are
    labelled and unlabelled ones together.

    Departures from the authors' code: those of `oat`, and an epoch as above.

    Published: nothing.

    Args:
        lambdas: trained positions of the dial; every value between them can be served too.
        zeros: share of the images trained at lambda = 0; by default 1 / number of lambdas.
        others: as in `rst`.
    """
    method = oat(eps, norm, steps, lambdas, zeros=zeros)
    return replace(method, objective=SelfTraining(Blend(), clean_weight, adv_weight), unlabelled=unlabelled_share)


@checked
def spatial_at(degrees: float = 30.0, shift: float = 3 / 32, draws: int = 10, beta: float = 0.5) -> Method:
    r"""Adversarial training against rotations and translations: the worst of k random ones.

        min_w  E  (1 - beta) CE(f(x), y) + beta max_{k random (angle, shift)} CE(f(turned x), y)

    Paper: Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019; in this form, Raghunathan et al.,
    Understanding and Mitigating the Tradeoff between Robustness and Accuracy, ICML 2020.

    Cost: draws + 2 passes per image as counted here; the draws need no backward, so it is about draws / 3 + 2.

    Departures from the authors' code: the largest shift is 3 pixels of 32 (theirs 0.107 of the side); black comes in
    from outside.

    Published (Raghunathan et al., table 1, CIFAR-10, WRN-40-2): 95.0 % clean, 73.9 % under the worst of a grid of 775;
    one random draw 95.1 and 67.7, standard training 94.6 and 0.2.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.
        draws: random perturbations per image and batch, of which the worst is learned.
        beta: weight of the adversarial term; 1 learns from the worst alone.
    """
    return Method(spatial(degrees, shift), WorstOf(), Constant(draws + 1), Blend(beta))


@checked
def rst_spatial(
    degrees: float = 30.0,
    shift: float = 3 / 32,
    draws: int = 10,
    beta: float = 0.5,
    unlabelled_share: float = 0.5,
    clean_weight: float = 0.9,
    adv_weight: float = 0.5,
) -> Method:
    r"""Robust self-training against rotations and translations: `rst` with the worst of k random ones.

        min_w  (1 - beta) mean_u CE(f(x), y) + beta mean_v max_{k random (angle, shift)} CE(f(turned x), y)

    Paper: Raghunathan et al., Understanding and Mitigating the Tradeoff between Robustness and Accuracy, ICML 2020.

    Cost: draws + 2 passes per image, as `spatial-at`. An epoch has as many images as there are labelled and unlabelled
    ones together.

    Departures from the authors' code: those of `rst` and `spatial-at`.

    Published (their table 1, CIFAR-10 and 500,000 images of Tiny Images, WRN-40-2): 95.8 % clean, 75.1 % under the
    worst of a grid of 775; with one random draw 95.8 and 70.9.

    Args:
        degrees: largest angle.
        shift: largest translation in each direction, as a share of the side.
        draws: random perturbations per image and batch, of which the worst is learned.
        others: as in `rst`.
    """
    objective = SelfTraining(Blend(beta), clean_weight, adv_weight)
    return replace(spatial_at(degrees, shift, draws), objective=objective, unlabelled=unlabelled_share)
