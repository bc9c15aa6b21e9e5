"""FGSM-PGI: one step from where an image's earlier gradients point."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT, Steady
from robustdial.method.schedule import Constant
from robustdial.method.solver import Prior, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def fgsm_pgi(
    eps: float = px(8),
    norm: Norm = "linf",
    step: float = 1.0,
    decay: float = 0.3,
    reset: int = 40,
    weight: float = 10.0,
) -> Method:
    r"""FGSM-PGI: one step from a prior that each image carries from epoch to epoch, and answers that stay along it.

        z = clip_eps(s + step eps sign(g)),   m <- g / |g|_1 + decay m,   s <- clip_eps(s + step eps sign(m))
        min_w  E  CE(f(x + z), y) + weight mean_k (f_k(x + z) - f_k(x + s))^2,    g = grad CE(f(x + s), y)

    Paper: Jia et al., Prior-Guided Adversarial Initialization for Fast Adversarial Training, ECCV 2022; this is its
    FGSM-MEP, with the momentum of all earlier epochs.

    Cost: 3 passes per image. Memory: 4 bytes for each pixel and channel of the training images and the margin of their
    crop, 0.8 GB for CIFAR-10, on the device and in each checkpoint.

    Departures from the authors' code: those of `Prior`; the answers at the start are computed once more for the
    learning pass (theirs keeps the adversary's graph); labels are not smoothed, theirs leave 0.6 to the true class:
    `--label-smoothing 0.44` for ten classes.

    Published (FastAT Benchmark, arXiv 2604.22853, CIFAR-10, ResNet-18, 100 epochs, averaged weights, smoothed labels,
    best epoch, mean of three seeds): 79.7 % clean, 49.9 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        step: step size as a share of eps.
        decay: share of the momentum that stays from epoch to epoch.
        reset: visits after which an image's prior starts anew; a number beyond the epochs for never.
        weight: of the squared distance between the answers.
    """
    return Method(threat_of(norm, eps), Prior(Step(size=step * eps), decay, reset), Constant(2), Steady(AT(), weight))
