"""Adversarial training against several norms at once."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, EachBall, OneBall, Step, WorstBall
from robustdial.method.threat import Union
from robustdial.recipes.norms import threat_of
from robustdial.typing import px


@checked
def e_at(
    eps: float = px(8),
    eps1: float = 12.0,
    steps: int = 10,
    step: float = 0.25,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""E-AT: each batch is attacked in Linf or in L1, the one that breaks more of its images the more often.

        min_w  E  CE(f(x + z_i), y),    P(i) ~ 1 - acc_i,    z_i = argmax over ball i,    i in {Linf, L1}

    An affine classifier that is robust in both balls is robust in their convex hull, which holds an L2 ball too. Made
    to fine-tune a network that is robust in one norm, in a few epochs: `--start RUN --epochs 3 --lr 0.01`.

    Paper: Croce & Hein, Adversarial Robustness against Multiple and Single lp-Threat Models via Quick Fine-Tuning of
    Robust Classifiers, ICML 2022.

    Cost: steps + 1 passes per image, and a forward: as much as one norm.

    Departures from the authors' code: projected gradient steps of one size (theirs APGD, whose steps change their
    size and sparsity); the learner gets the last iterate (theirs that of the highest loss); acc_i counts the images
    that are right there (theirs those that are right at every iterate). Read there: radii, batch 128, start at the
    image, lr 0.01 that falls tenfold after each third of the fine-tuning, weight decay 5e-4. Its steps have no
    default; 10 is ours.

    Published (abstract): three epochs make any network for CIFAR-10 that is robust in one norm robust in all three, one
    epoch does for ImageNet; the best on CIFAR-10 has more than 51 % in the union.

    Args:
        eps: radius in Linf, in pixels of [0, 1].
        eps1: radius in L1, the sum of the changes of all pixels and channels.
        steps: attack steps per batch.
        step: step size as a share of the radius.
        mode: the attacked network runs with its running statistics (eval) or those of the batch (train).
    """
    threat = Union((threat_of("linf", eps), threat_of("l1", eps1)))
    return Method(threat, OneBall(_adversary(steps, step, 0.0, mode)), Constant(steps + 1), AT())


@checked
def avg_at(
    eps: float = px(8),
    eps2: float = 0.5,
    eps1: float = 12.0,
    steps: int = 10,
    step: float = 0.25,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""AVG: each batch is attacked in Linf, in L2 and in L1; the network learns from all three.

        min_w  E  1/3 sum_i CE(f(x + z_i), y),    z_i = argmax over ball i

    Paper: Tramer & Boneh, Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019, "avg".

    Cost: 3 (steps + 1) passes per image.

    Departures from the authors' code: neither paper nor code could be read; written from the equation. The radii are
    those of Croce & Hein, the steps are PGD's.

    Args:
        eps: radius in Linf, in pixels of [0, 1].
        eps2: radius in L2, the length of the change.
        eps1: radius in L1, the sum of the changes of all pixels and channels.
        steps: attack steps per batch and norm.
        step: step size as a share of the radius.
        mode: the attacked network runs with its running statistics (eval) or those of the batch (train).
    """
    threat = _all_norms(eps, eps2, eps1)
    return Method(threat, EachBall(_adversary(steps, step, 1.0, mode)), Constant(3 * (steps + 1)), AT())


@checked
def max_at(
    eps: float = px(8),
    eps2: float = 0.5,
    eps1: float = 12.0,
    steps: int = 10,
    step: float = 0.25,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""MAX: each image is attacked in Linf, in L2 and in L1; the network learns from the worst of the three.

        min_w  E  max_i CE(f(x + z_i), y),    z_i = argmax over ball i

    Paper: Tramer & Boneh, Adversarial Training and Robustness for Multiple Perturbations, NeurIPS 2019, "max".

    Cost: 3 steps + 1 passes per image, and three forwards.

    Departures from the authors' code: neither paper nor code could be read; written from the equation. The radii are
    those of Croce & Hein, the steps are PGD's.

    Args:
        others: as in `avg-at`.
    """
    threat = _all_norms(eps, eps2, eps1)
    return Method(threat, WorstBall(_adversary(steps, step, 1.0, mode)), Constant(3 * steps + 1), AT())


def _adversary(steps: int, step: float, noise: float, mode: Literal["eval", "train"]) -> PGD:
    return PGD(Step(spread=step * max(steps, 1)), noise, mode)


def _all_norms(eps: float, eps2: float, eps1: float) -> Union:
    return Union((threat_of("linf", eps), threat_of("l2", eps2), threat_of("l1", eps1)))
