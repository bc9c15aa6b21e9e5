"""Adversarial training with transferable adversarial examples (ATTA)."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import Step, Transferred
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.trades import START
from robustdial.typing import px


@checked
def atta(eps: float = px(8), norm: Norm = "linf", steps: int = 1, step: float = 0.5, reset: int = 10) -> Method:
    r"""ATTA-k: every image keeps its adversary from epoch to epoch, and each epoch moves it k steps further.

        z_i <- k times clip_eps(z_i + step eps sign grad_z CE(f(x_i + z_i), y_i)),   z_i anew after `reset` epochs

    Paper: Zheng et al., Efficient Adversarial Training with Transferable Adversarial Examples, CVPR 2020.

    Cost: steps + 1 passes per image. Memory: 2 bytes for each pixel and channel of the training images and the margin
    of their crop, 0.4 GB for CIFAR-10, on the device and in each checkpoint.

    Departures from the authors' code: the mean cross-entropy is learned (theirs is divided by the batch size once
    more); crops move zeros in (theirs grey); a little uniform instead of normal noise to start from, inside the image;
    an image starts anew after `reset` of its own visits (theirs all at once, the first time an epoch earlier);
    perturbations are kept in half precision. The adversary raises what is learned, also under another objective (theirs
    raises the cross-entropy under TRADES too).

    Published: no table of theirs was at hand.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per visit, k.
        step: step size as a share of eps; for eps 0.031 theirs is 0.015 with 1 step, 0.01 with 3, 0.007 with 10.
        reset: visits after which an image's adversary starts anew; a number beyond the epochs for never.
    """
    threat = threat_of(norm, eps)
    solver = Transferred(Step(size=step * eps), reset, noise=START)
    return Method(threat, solver, Constant(steps + 1), AT())
