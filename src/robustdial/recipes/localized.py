"""Localized adversarial training: only the background is perturbed. With a fixed compromise, and with a dial."""

from __future__ import annotations

from dataclasses import replace

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Masked
from robustdial.recipes.masks import MaskName, mask_of
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.oat import oat
from robustdial.typing import px


@checked
def localized(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    step: float = 0.25,
    share: float = 0.5,
    mask: MaskName = "border",
    threshold: float = 0.0,
    frame: float = 0.25,
    percentile: float = 50.0,
    guide: str = "",
) -> Method:
    r"""Localized adversarial training: learn from images, and from the same images with an adversary behind the object.

        min_w  E  (1 - r) CE(f(x), y) + r max_{|z| <= eps} CE(f(x + m(x) z), y),     m in {0, 1}, 1 on the background

    One step is FGSM, from the clean image over the whole radius; more are PGD from a random start.

    Paper: Rothberg et al., Localized Adversarial Training for Increased Accuracy and Robustness in Image
    Classification, arXiv 1909.04779, 2019.

    Cost: steps + 2 passes per image.

    Departures from the authors' code: none is public. Only the abstract of the paper was at hand: how it finds the
    background, the radius and the mix are not known, so masks, `share` and defaults are of this library.

    Published: their numbers were not at hand.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch; 1 is FGSM.
        step: step size as a share of eps; steps are longer where so many would not reach eps.
        share: weight r of the adversarial loss; the rest goes to the clean images.
        mask: the background: black pixels (dark), a frame (border), or what a trained network looks at least
            (saliency).
        threshold: of dark: brightest value that counts as black.
        frame: of border: width of the frame as a share of the shorter side.
        percentile: of saliency: of 100 pixels so many are background.
        guide: of saliency: folder of the run whose network is asked, at its clean end if it has a dial.
    """
    threat = Masked(threat_of(norm, eps), mask_of(mask, threshold, frame, percentile, guide))
    solver = PGD(Step(size=step * eps, spread=1.0), noise=0.0 if steps == 1 else 1.0)
    return Method(threat, solver, Constant(steps + 1), Blend(share))


@checked
def localized_oat(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    mask: MaskName = "border",
    threshold: float = 0.0,
    frame: float = 0.25,
    percentile: float = 50.0,
    guide: str = "",
) -> Method:
    r"""Localized adversarial training with a dial: lambda weighs the adversary in the background.

        min_w  E_lambda  (1 - lambda) CE(f(x, lambda), y) + lambda max_{|z| <= eps} CE(f(x + m(x) z, lambda), y)

    A composition of this library: `oat` with the threat of `localized`.

    Paper: Rothberg et al., arXiv 1909.04779, 2019, and Wang et al., Once-for-All Adversarial Training, NeurIPS 2020;
    together they are in neither.

    Cost: steps + 2 passes per image with lambda > 0, 1 with lambda = 0.

    Departures from the authors' code: those of `oat` and of `localized`.

    Published: nothing.

    Args:
        steps: attack steps per batch.
        lambdas: trained positions of the dial; every value between them can be served too.
        others: as in `localized`.
    """
    threat = Masked(threat_of(norm, eps), mask_of(mask, threshold, frame, percentile, guide))
    return replace(oat(eps, norm, steps, lambdas), threat=threat)
