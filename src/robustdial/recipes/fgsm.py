"""One-step adversarial training: from the clean image, and from a random start."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def fgsm(eps: float = px(8), norm: Norm = "linf") -> Method:
    r"""Fast gradient sign adversarial training: one full step from the clean image.

        z = eps sign(grad_x CE(f(x), y)),    min_w  E  CE(f(x + z), y)

    At eps 8/255 on CIFAR-10 it overfits catastrophically in most runs: right against its own step, wrong against two.
    Here as the case to watch for; `fgsm-rs` and `gradalign` mend it.

    Paper: Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015.

    Cost: 2 passes per image.

    Departures from the authors' code: none is published; the clean loss that the paper adds with weight 1/2 is left
    out, as is customary, and the network is attacked with the statistics of the batch.

    Published: no table of theirs is of this setting.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
    """
    threat = threat_of(norm, eps)
    return Method(threat, PGD(Step(spread=1.0), noise=0.0, mode="train"), Constant(2), AT())


@checked
def fgsm_rs(eps: float = px(8), norm: Norm = "linf", step: float = 1.25, noise: float = 1.0) -> Method:
    r"""Fast adversarial training: one step from a random start.

        z = clip_eps(u + step eps sign(grad_x CE(f(x + u), y))),  u uniform,    min_w  E  CE(f(x + z), y)

    Paper: Wong et al., Fast is Better than Free: Revisiting Adversarial Training, ICLR 2020.

    Cost: 2 passes per image.

    Departures from the authors' code: pixels in [0, 1] and a normalising first layer instead of normalised pixels;
    the momentum is not cycled with the learning rate; catastrophic overfitting is watched for by `--on-trouble`, not by
    one batch of PGD-5.

    Published (CIFAR-10, PreAct ResNet-18): in their repository 86.1 % clean, 46.1 % under PGD-50 with 10 restarts; a
    network of theirs in RobustBench 83.3 % clean, 43.2 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        step: step size as a share of eps.
        noise: share of the set in which the start is drawn.
    """
    threat = threat_of(norm, eps)
    solver = PGD(Step(spread=step), noise=noise, mode="train")
    return Method(threat, solver, Constant(2), AT())
