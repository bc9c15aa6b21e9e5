"""A dial over the radius of the adversary, begun on clean images."""

from __future__ import annotations

from dataclasses import replace

from robustdial.checks import checked
from robustdial.dial import Dials, PerSample, Proportional
from robustdial.method import Method
from robustdial.method.objective import AT, TRADES
from robustdial.method.schedule import Constant, Warm
from robustdial.method.solver import PGD, Noisy, Step
from robustdial.recipes.kinds import Kind, of_kind
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def radial(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0),
    reach: float = 1.5,
    zeros: float | None = None,
    warm: float = 0.5,
    widths: tuple[float, ...] = (1.0,),
    dial: Kind = "conditional",
) -> Method:
    r"""RaDial: once-for-all adversarial training in which lambda is the radius of the adversary.

        min_w  E_lambda  max_{|z| <= lambda reach eps}  CE(f(x + z, lambda), y),     z = 0 in the warm part

    Where `oat` weighs two losses of one radius by lambda, here lambda chooses the radius, and every row has one loss:
    lambda = 0 is standard training, lambda = 1 adversarial training at `reach` times the radius that is defended. The
    first part of the training has no adversary, and costs a pass per image. It is better to train a standard
    network first, to start from its weights and learn from its answers: `train radial --first EPOCHS --ema 0.995`, with
    which the accurate end is that of standard training on 8,000 images of CIFAR-10, and a point below it on all 50,000
    (2.5 without the average; LOG.md). The learning rate should begin low, or the far radii answer one class.

    A composition of this library; the network, the codes and the two branches of batch norm are those of `oat`.

    Paper: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020, for the dial; the radius as what it turns is of
    this library.

    Cost: steps + 1 passes per image with lambda > 0, 1 with lambda = 0 and in the warm part.

    Departures from the authors' code: those of `oat`; one loss per row; a warm part; the learning pass sees clean and
    adversarial rows in one forward.

    Published: nothing; for numbers of this library see LOG.md.

    Args:
        eps: radius of the threat that is defended, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch. On CIFAR-10 one step gave the dial of three, on 8,000 images and on all, and in
            twice the epochs a better one (tried on 8,000; LOG.md).
        lambdas: trained positions of the dial; every value between them can be served too.
        reach: radius at lambda = 1, as a share of eps. It must leave something of the image: in one that is black and
            white, nothing is left at 0.5.
        zeros: share of the images trained at lambda = 0; by default 1 / number of lambdas.
        warm: share of the training without an adversary.
        widths: shares of the channels that can be run, such as 0.5 1; 1 for full width only.
        dial: conditional (FiLM and two branches of batch norm), or line (in weight space, for any network).
    """
    conditional = Dials(lambdas, widths, sampling=PerSample(zeros), radii=Proportional(reach))
    solver = PGD(Step(spread=1.25), noise=0.0)
    return Method(threat_of(norm, eps), solver, Warm(warm, Constant(steps + 1)), AT(), of_kind(dial, conditional))


@checked
def radial_trades(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0),
    reach: float = 1.5,
    beta: float = 6.0,
    zeros: float | None = None,
    warm: float = 0.5,
    widths: tuple[float, ...] = (1.0,),
    dial: Kind = "conditional",
) -> Method:
    r"""`radial` with TRADES as its loss: every row learns its clean image too.

        min_w  E_lambda  CE(f(x, lambda), y) + lambda beta max_z KL(p(x, lambda) || p(x + z, lambda)),
                         |z| <= lambda reach eps

    Lambda turns the radius and the weight of the divergence together. `radial` is cheaper and has the more robust end
    (LOG.md).

    A composition of this library: the dial of `radial`, the loss of `trades`.

    Paper: Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy, ICML 2019, for the loss.

    Cost: steps + 2 passes per image with lambda > 0, and a forward for the adversary's target; 1 with lambda = 0 and in
    the warm part.

    Departures from the authors' code: those of `radial` and `trades`; the adversary starts from uniform noise in its
    whole radius.

    Published: nothing; for numbers of this library see LOG.md.

    Args:
        reach: radius at lambda = 1, as a share of eps.
        beta: weight of the divergence at lambda = 1.
        dial: conditional (FiLM and two branches of batch norm), or line (in weight space, for any network).
        others: as in `radial`.
    """
    plain = radial(eps, norm, steps, lambdas, reach, zeros, warm, widths, dial)
    # the divergence is flat at the clean image: an adversary that starts there has no gradient
    return replace(plain, solver=PGD(Step(spread=1.25)), objective=TRADES(beta))


@checked
def radial_nfgsm(
    eps: float = px(8),
    norm: Norm = "linf",
    noise: float = 2.0,
    lambdas: tuple[float, ...] = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0),
    reach: float = 1.5,
    zeros: float | None = None,
    warm: float = 0.5,
    widths: tuple[float, ...] = (1.0,),
) -> Method:
    r"""`radial` with the one step of N-FGSM as its adversary: the whole dial for two passes.

        min_w  E_lambda  CE(f(x + z, lambda), y),    z = u + r sign(grad CE(f(x + u, lambda), y)),
        u ~ U(-noise r, noise r),    r = lambda reach eps;    z = 0 in the warm part

    Noise and step grow with the radius of the row; neither is clipped back. Where the radius is a large part of the
    pixel's range, noise twice as large leaves little of the image at the far end: take less of it, or `radial` with
    steps=1, which on such images has not been seen to overfit (LOG.md).

    A composition of this library: the dial of `radial`, the adversary of `n-fgsm`.

    Paper: de Jorge et al., Make Some Noise: Reliable and Efficient Single-Step Adversarial Training, NeurIPS 2022, for
    the adversary.

    Cost: 2 passes per image with lambda > 0, 1 with lambda = 0 and in the warm part.

    Departures from the authors' code: those of `radial` and of `n-fgsm`; the warm part has no noise.

    Published: nothing; for numbers of this library see LOG.md.

    Args:
        eps: radius of the threat that is defended, in pixels of [0, 1].
        norm: linf, l2 or l1.
        noise: size of the noise as a share of the row's radius.
        lambdas: trained positions of the dial; every value between them can be served too.
        reach: radius at lambda = 1, as a share of eps.
        zeros: share of the images trained at lambda = 0; by default 1 / number of lambdas.
        warm: share of the training without an adversary.
        widths: shares of the channels that can be run, such as 0.5 1; 1 for full width only.
    """
    plain = radial(eps, norm, 1, lambdas, reach, zeros, warm, widths)
    return replace(plain, solver=Noisy(Step(spread=1.0), noise))
