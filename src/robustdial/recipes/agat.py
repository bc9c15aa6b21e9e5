"""Attribute-guided adversarial training (AGAT), and random augmentation to compare it with."""

from __future__ import annotations

from dataclasses import replace

from robustdial.checks import checked
from robustdial.dial import Dials
from robustdial.method import Method
from robustdial.method.objective import Blend, Guided
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Generated, Step
from robustdial.method.threat import Blur, Box, Brightness, Chain, Contrast, Hue, Named, Noise, Warp


@checked
def agat(
    degrees: float = 30.0,
    shift: float = 3 / 28,
    skew: float = 0.3,
    scale: float = 0.0,
    steps: int = 5,
    way: float = 2.0,
    every: int = 5,
    ascending: float = 1.0,
    share: float = 0.5,
    c: float = 0.1,
) -> Method:
    r"""Attribute-guided adversarial training (AGAT) against rotation, translation, skew and scale.

        min_w  E  (1 - share) CE(f(x), y) + share CE(f(g(x, z)), y),   z in the box, found by ascent from a random
        start on   CE(f(a), y) + BCE(p(a), p(x)) - c [MSE(s(f(a)), s(f(x))) + mean_j (z_j^2 + |z_j|)],   a = g(x, z)

    g is one affine map; z is found anew every few visits of an image, and kept in between. Images that are not due, or
    not among those that ascend, are shown at random.

    Paper: Gokhale et al., Attribute-Guided Adversarial Training for Robustness to Natural Perturbations, AAAI 2021.

    Cost: 2 passes per image, and (ascending * steps + 1) / every for the adversary: 3.2.

    Departures from the authors' code: in theirs the attributes are never moved (no gradient reaches them, and the step
    would go down): it is augmentation with random noise and blur. The code for warps was not released. Here attributes
    ascend by signs, in shares of the box, from a random start; the constants of their code are `ascending=0.3`,
    `steps=10` and `c=5`, of which the last pulls attributes back to 0 harder than the loss pushes them
    (docs/methods/attributes.md); images without an adversary are shown at random (theirs as they are); half of the loss
    is on generated images.

    Published: no table of theirs was at hand.

    Args:
        degrees: largest angle.
        shift: largest translation, as a share of the side.
        skew: how far a row moves sideways, as a share of its distance from the middle row.
        scale: largest change of size.
        steps: of the ascent.
        way: length of all steps together, as a share of the radius of the box.
        every: visits of an image from one ascent to the next.
        ascending: of the images that are due, how many ascend.
        share: weight of generated images in the loss; the rest is on natural ones.
        c: weight of what holds the adversary back.
    """
    return _guided(_box(degrees, shift, skew, scale), steps, way, every, ascending, share, c)


@checked
def agat_corruptions(
    blur: float = 1.0,
    noise: float = 0.1,
    brightness: float = 0.2,
    contrast: float = 0.5,
    hue: float = 0.05,
    steps: int = 5,
    way: float = 2.0,
    every: int = 5,
    ascending: float = 1.0,
    share: float = 0.5,
    c: float = 0.1,
) -> Method:
    r"""Attribute-guided adversarial training (AGAT) against blur, noise, brightness, contrast and hue.

        min_w  E  (1 - share) CE(f(x), y) + share CE(f(g(x, z)), y),   z as in `agat`

    g applies what stands below in that order, noise last; 0 leaves one out. Blur and hue need
    `pip install 'robustdial[attributes]'`.

    Paper: Gokhale et al., Attribute-Guided Adversarial Training for Robustness to Natural Perturbations, AAAI 2021.

    Cost: 3.2 passes, as `agat`; hue costs about as much as a forward of a small network.

    Departures from the authors' code: those of `agat`; theirs has blur of 3 x 3 pixels and noise of deviation 0.1 only.

    Published: no table of theirs was at hand.

    Args:
        blur: largest standard deviation, in pixels.
        noise: largest standard deviation, of pixels in [0, 1].
        brightness: largest change of every pixel, in [0, 1].
        contrast: largest change of the distance from the mean, as a share of it.
        hue: largest way on the circle of hues, as a share of it; grey images have none.
        others: as in `agat`.
    """
    threat = _box(blur=blur, noise=noise, brightness=brightness, contrast=contrast, hue=hue)
    return _guided(threat, steps, way, every, ascending, share, c)


@checked
def agat_oat(
    degrees: float = 30.0,
    shift: float = 3 / 28,
    skew: float = 0.3,
    scale: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    hue: float = 0.0,
    steps: int = 5,
    way: float = 2.0,
    every: int = 5,
    ascending: float = 1.0,
    c: float = 0.1,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
) -> Method:
    r"""AGAT on a dial: lambda weighs generated against natural images, and is chosen at test time.

        min_w  E_lambda  (1 - lambda) CE(f(x, lambda), y) + lambda CE(f(g(x, z), lambda), y),   z as in `agat`

    A composition of this library: the network and the dial are those of `oat`, the rest is that of `agat`.

    Paper: Gokhale et al., Attribute-Guided Adversarial Training, AAAI 2021, and Wang et al., Once-for-All Adversarial
    Training, NeurIPS 2020.

    Cost: that of `agat` with lambda > 0, 1 pass with lambda = 0.

    Departures from the authors' code: those of `agat` and `oat`.

    Published: nothing.

    Args:
        degrees: largest angle.
        shift: largest translation, as a share of the side.
        skew: how far a row moves sideways, as a share of its distance from the middle row.
        scale: largest change of size.
        lambdas: trained positions of the dial; every value between them can be served too.
        others: as in `agat-corruptions`.
    """
    threat = _box(degrees, shift, skew, scale, blur, noise, brightness, contrast, hue)
    return replace(_guided(threat, steps, way, every, ascending, 1.0, c), dial=Dials(lambdas))


@checked
def random_attributes(
    degrees: float = 30.0,
    shift: float = 3 / 28,
    skew: float = 0.3,
    scale: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    hue: float = 0.0,
    share: float = 0.5,
) -> Method:
    r"""Random augmentation: what AGAT is to be compared with, and what it is without an ascent.

        min_w  E  (1 - share) CE(f(x), y) + share CE(f(g(x, z)), y),   z uniform in the box, drawn anew each time

    Paper: the baseline of Gokhale et al., Attribute-Guided Adversarial Training for Robustness to Natural
    Perturbations, AAAI 2021; what their released code does, for noise and blur.

    Cost: 2 passes per image.

    Departures from the authors' code: attributes are drawn anew at every visit (theirs every 5 epochs, for 30 % of the
    images).

    Published: no table of theirs was at hand.

    Args:
        share: weight of moved images in the loss; the rest is on natural ones.
        others: as in `agat-oat`.
    """
    threat = _box(degrees, shift, skew, scale, blur, noise, brightness, contrast, hue)
    return Method(threat, PGD(Step(spread=1.0)), Constant(1), Blend(share))


def _guided(threat: Box, steps: int, way: float, every: int, ascending: float, share: float, c: float) -> Method:
    return Method(threat, Generated(Step(spread=way), every, ascending), Constant(steps + 1), Guided(Blend(share), c))


def _box(
    degrees: float = 0.0,
    shift: float = 0.0,
    skew: float = 0.0,
    scale: float = 0.0,
    blur: float = 0.0,
    noise: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    hue: float = 0.0,
) -> Box:
    """The box of the attributes whose largest value is not 0, in the order of a camera: scene, lens, light, sensor.

    Raises ValueError if there is none, or a value makes no sense.
    """
    chosen: list[Named] = [Warp(degrees, shift, skew, scale)] if any((degrees, shift, skew, scale)) else []
    chosen += [Blur(blur)] if blur else []
    chosen += [Brightness(brightness)] if brightness else []
    chosen += [Contrast(contrast)] if contrast else []
    chosen += [Hue(hue)] if hue else []
    chosen += [Noise(noise)] if noise else []
    if not chosen:
        raise ValueError("Every attribute is 0: an adversary that does not move is none. Give one a positive limit.")
    return Box(chosen[0] if len(chosen) == 1 else Chain(tuple(chosen)))
