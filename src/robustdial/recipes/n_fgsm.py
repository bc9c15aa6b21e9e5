"""N-FGSM: one step from strong noise, and no clipping."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import Noisy, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def n_fgsm(eps: float = px(8), norm: Norm = "linf", noise: float = 2.0, step: float = 1.0) -> Method:
    r"""N-FGSM: one step from noise that is stronger than the adversary, and no clipping back into the set.

        z = u + step eps sign(grad_x CE(f(x + u), y)),  u ~ U(-noise eps, noise eps),    min_w  E  CE(f(x + z), y)

    Only [0, 1] limits x + z. The noise augments what the step is taken from, and keeps one-step training, as its
    authors report, from overfitting to its step up to 16/255.

    Paper: de Jorge et al., Make Some Noise: Reliable and Efficient Single-Step Adversarial Training, NeurIPS 2022.

    Cost: 2 passes per image.

    Departures from the authors' code: pixels in [0, 1] and a normalising first layer instead of normalised pixels.

    Published (FastAT Benchmark, arXiv 2604.22853, CIFAR-10, ResNet-18, 100 epochs, averaged weights, smoothed labels,
    best epoch, mean of three seeds): 78.6 % clean, 47.8 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        noise: size of the noise as a share of eps, k; theirs is 2, and 3 for SVHN at 12/255.
        step: step size as a share of eps.
    """
    return Method(threat_of(norm, eps), Noisy(Step(spread=step), noise), Constant(2), AT())
