"""Guided adversarial training (GAT of Sriramanan et al.): one step that is guided away from the clean answer."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import Matched
from robustdial.method.schedule import Constant
from robustdial.method.solver import Corner, Started, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def guided_at(
    eps: float = px(8), norm: Norm = "linf", step: float = 1.0, corner: float = 0.5, weight: float = 10.0
) -> Method:
    r"""Guided adversarial training: the adversary and the weights quarrel over the distance of the probabilities too.

        z = clip_eps(s + step eps sign grad_z [CE(f(x + s), y) + a weight ||p(x) - p(x + s)||^2]),  s = +-corner eps
        min_w  E  CE(f(x), y) + weight ||p(x) - p(x + z)||^2,    a = 1 for every second image, 0 for the others

    Not `gat`, which trains with a generator.

    Paper: Sriramanan et al., Guided Adversarial Attack for Evaluating and Enhancing Adversarial Defenses, NeurIPS 2020.

    Cost: 3 passes per image, and a forward for the adversary's guide.

    Departures from the authors' code: a changes from image to image (theirs from batch to batch); the weight is the
    same throughout (theirs is four times as large in the last 14 of 100 epochs).

    Published (FastAT Benchmark, arXiv 2604.22853, CIFAR-10, ResNet-18, 100 epochs, averaged weights, smoothed labels,
    best epoch, mean of three seeds): 85.1 % clean, 49.2 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        step: step size as a share of eps.
        corner: how far the start is from the image, as a share of eps; in linf every pixel is moved so far.
        weight: of the squared distance of the probabilities.
    """
    solver = Started(Step(spread=step), Corner(corner))
    return Method(threat_of(norm, eps), solver, Constant(2), Matched(weight))
