"""Abnormal adversarial examples regularization (AAER), on FGSM-RS and on N-FGSM."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT, Abnormal
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Noisy, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def rs_aaer(eps: float = px(8), norm: Norm = "linf", step: float = 1.25, weight: float = 1.5) -> Method:
    r"""RS-AAER: FGSM-RS whose abnormal examples, on which the step has lowered the loss, answer as the others do.

        min_w  E  CE(f(x + z), y) + weight share(A) max(0, mean_A d - mean_N d),   d = ||f(x + z) - f(x + u)||^2

    u is the uniform start, z where `fgsm-rs` ends; A are the images with CE(f(x + z), y) < CE(f(x + u), y), N the
    others.

    Paper: Lin et al., Eliminating Catastrophic Overfitting via Abnormal Adversarial Examples Regularization, NeurIPS
    2023.

    Cost: 2 passes per image.

    Departures from the authors' code: those of `Abnormal` and of `fgsm-rs`.

    Published: no table of theirs was at hand.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        step: step size as a share of eps.
        weight: of the regulariser; theirs for CIFAR-10 is 1.5 at 8/255, 2.75 at 12/255, 3.25 at 16/255.
    """
    solver = PGD(Step(spread=step), mode="train")
    return Method(threat_of(norm, eps), solver, Constant(2), Abnormal(AT(), weight))


@checked
def n_aaer(
    eps: float = px(8), norm: Norm = "linf", noise: float = 2.0, step: float = 1.0, weight: float = 0.15
) -> Method:
    r"""N-AAER: N-FGSM whose abnormal examples, on which the step has lowered the loss, answer as the others do.

        min_w  E  CE(f(x + z), y) + weight share(A) max(0, mean_A d - mean_N d),   d = ||f(x + z) - f(x + u)||^2

    u is the noise and z the end of `n-fgsm`; A and N as in `rs-aaer`.

    Paper: Lin et al., Eliminating Catastrophic Overfitting via Abnormal Adversarial Examples Regularization, NeurIPS
    2023.

    Cost: 2 passes per image.

    Departures from the authors' code: those of `Abnormal` and of `n-fgsm`.

    Published (FastAT Benchmark, arXiv 2604.22853, CIFAR-10, ResNet-18, 100 epochs, averaged weights, smoothed labels,
    best epoch, mean of three seeds): 77.7 % clean, 47.4 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        noise: size of the noise as a share of eps.
        step: step size as a share of eps.
        weight: of the regulariser; theirs for CIFAR-10 is 0.15 at 8/255, 0.55 at 12/255, 1.5 at 16/255.
    """
    solver = Noisy(Step(spread=step), noise)
    return Method(threat_of(norm, eps), solver, Constant(2), Abnormal(AT(), weight))
