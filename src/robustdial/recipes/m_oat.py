"""The magnitude rule on a dial: once-for-all adversarial training for less."""

from __future__ import annotations

from dataclasses import replace

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.schedule import Magnitude
from robustdial.recipes.norms import Norm
from robustdial.recipes.oat import oat
from robustdial.typing import px


@checked
def m_oat(
    eps: float = px(8),
    norm: Norm = "linf",
    gamma: float = 1.01,
    steps: int = 7,
    full: int = 1,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
) -> Method:
    r"""M+OAT: once-for-all adversarial training with one attack step more when the input gradient has grown.

        min_w  E_lambda  (1 - lambda) CE(f(x, lambda), y) + lambda CE(f(x + z, lambda), y),   z by PGD-k,
        k <- k + 1,  bar <- gamma g    after an epoch with  g = mean_i ||grad_z loss_i||_1 > bar,   k = 0 at first

    A composition of this library: `oat` with the schedule of M+. The steps share one way of 1.25 eps, so that few are
    long.

    Paper: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020, and Wang et al., Dynamic Efficient Adversarial
    Training Guided by Gradient Magnitude, 2021; together they are in neither.

    Cost: k + 2 passes per image with lambda > 0, 1 with lambda = 0.

    Departures from the authors' code: those of `oat`; the gradient is that of the weighed loss, lambda CE.

    Published: nothing; for numbers of this library see its benchmarks.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        gamma: growth of the gradient that is tolerated.
        steps: largest number of attack steps.
        full: passes below which one is added after every epoch from the third on.
        lambdas: trained positions of the dial; every value between them can be served too.
    """
    return replace(oat(eps, norm, steps, lambdas), schedule=Magnitude(gamma, steps + 1, min(full, steps + 1)))
