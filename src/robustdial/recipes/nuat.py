"""Nuclear norm adversarial training (NuAT)."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import Nuclear
from robustdial.method.schedule import Constant
from robustdial.method.solver import Corner, Started, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def nuat(
    eps: float = px(8), norm: Norm = "linf", step: float = 1.0, corner: float = 0.5, weight: float = 4.5
) -> Method:
    r"""NuAT: the adversary and the weights quarrel over the nuclear norm of how a batch of answers moves.

        z = clip_eps(s + step eps sign grad_z [sum_i CE(f(x_i + s_i), y_i) + weight ||D(s)||_*]),   s = +-corner eps
        min_w  E  CE(f(x), y) + weight / B ||D(z)||_*,    D(z) = rows f(x_i + z_i) - f(x_i) of a batch of B

    The norm guides the adversaries of every second image.

    Paper: Sriramanan et al., Towards Efficient and Effective Adversarial Training, NeurIPS 2021.

    Cost: 3 passes per image, and a forward for the adversary's guide.

    Departures from the authors' code: the adversary is guided for every second image (theirs in every second batch);
    the weight is the same throughout (theirs grows from 0 to 4.5 in 90 of 100 epochs), and no step uses averaged
    weights.

    Published (FastAT Benchmark, arXiv 2604.22853, CIFAR-10, ResNet-18, 100 epochs, averaged weights, smoothed labels,
    best epoch, mean of three seeds): 81.0 % clean, 50.1 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        step: step size as a share of eps.
        corner: how far the start is from the image, as a share of eps; in linf every pixel is moved so far.
        weight: of the nuclear norm; it depends on the batch, theirs has 64 images.
    """
    solver = Started(Step(spread=step), Corner(corner))
    return Method(threat_of(norm, eps), solver, Constant(2), Nuclear(weight))
