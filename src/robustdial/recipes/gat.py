"""Generative adversarial training: adversaries in the latent space of a generator."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.dial import Dials, PerSample
from robustdial.generator import stored
from robustdial.method import Method
from robustdial.method.objective import Blend, Targeted
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Latent


@checked
def gat(
    generator: str = "runs/generator",
    levels: tuple[str, ...] = ("fine", "noise"),
    bounds: tuple[float, ...] = (0.3,),
    steps: int = 5,
    step: float = 0.3,
    share: float = 0.5,
    targeted: bool = False,
) -> Method:
    r"""Generative adversarial training (GAT): learn from images whose styles and noise an adversary has moved.

        min_w  E  (1 - share) CE(f(x), y) + share CE(f(x'), y),   x' = clip(x + G(s + d) - G(s)),  s = E(x)
        d <- clip(d + step bounds sign grad_d CE(f(x'), y)),      |d| <= bounds per level

    The generator is one of `robustdial generator`: coarse styles move shape, fine ones strokes and colour, noise
    texture. One trained elsewhere goes in through Python (docs/methods/generative.md).

    Paper: Poursaeed, Jiang, Yang, Belongie & Lim, Robustness and Generalization via Generative Adversarial Training,
    ICCV 2021.

    Cost: steps + 2 passes per image, and as many through the generator.

    Departures from the authors' code: none was found, and its constants were not at hand, so all defaults are of this
    library; a small generator in place of theirs; real images, with what their reconstruction gains, in place of
    generated ones; bounded changes; a fixed number of steps, where theirs stop once the network is fooled;
    classification only, neither segmentation nor detection.

    Published: their results are not quoted; other data, networks and generators stand behind them.

    Args:
        generator: folder of the generator, which stays needed to measure against its adversaries.
        levels: what may move, of coarse, middle, fine and noise.
        bounds: largest change of a number of each level, in standard deviations; one for all, or one for each.
        steps: attack steps per batch.
        step: step size as a share of the bounds.
        share: weight of the adversarial images.
        targeted: towards a drawn wrong class in place of away from the right one.
    """
    threat, blend = _latent(generator, levels, bounds), Blend(share)
    objective = Targeted(blend) if targeted else blend
    return Method(threat, PGD(Step(step), noise=0.0), Constant(steps + 1), objective)


@checked
def gat_oat(
    generator: str = "runs/generator",
    levels: tuple[str, ...] = ("fine", "noise"),
    bounds: tuple[float, ...] = (0.3,),
    steps: int = 5,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    zeros: float | None = None,
    widths: tuple[float, ...] = (1.0,),
) -> Method:
    r"""Once-for-all training against adversaries in the latent space of a generator: the dial of `oat` on `gat`.

        min_w  E_lambda  (1 - lambda) CE(f(x, lambda), y) + lambda CE(f(x', lambda), y)

    A composition of this library.

    Paper: Wang et al., Once-for-All Adversarial Training, NeurIPS 2020, for the dial; Poursaeed et al., Robustness and
    Generalization via Generative Adversarial Training, ICCV 2021, for the adversary.

    Cost: steps + 2 passes per image with lambda > 0, 1 with lambda = 0, and those through the generator.

    Departures from the authors' code: those of `oat` and of `gat`.

    Published: nothing.

    Args:
        generator: folder of the generator.
        levels: what may move, of coarse, middle, fine and noise.
        bounds: largest change of a number of each level, in standard deviations; one for all, or one for each.
        steps: attack steps per batch.
        lambdas: trained positions of the dial; every value between them can be served too.
        zeros: share of the images trained at lambda = 0; by default 1 / number of lambdas.
        widths: trained shares of the channels, such as 0.5 1; 1 for full width only.
    """
    dial = Dials(lambdas, widths, sampling=PerSample(zeros))
    threat = _latent(generator, levels, bounds)
    return Method(threat, PGD(Step(spread=1.25), noise=0.0), Constant(steps + 1), Blend(), dial)


def _latent(generator: str, levels: tuple[str, ...], bounds: tuple[float, ...]) -> Latent:
    named = stored(generator)
    for level in levels:
        if level not in named.levels:
            raise ValueError(f"The generator has no level {level!r}. Its levels are {', '.join(named.levels)}.")
    if len(bounds) not in (1, len(levels)):
        raise ValueError(f"{len(bounds)} bounds for {len(levels)} levels. Give one for all, or one for each.")
    each = bounds * len(levels) if len(bounds) == 1 else bounds
    return Latent(named, dict(zip(levels, each, strict=True)))
