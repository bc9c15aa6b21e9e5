"""How much of an answer hangs on the background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from robustdial.attack import Attack, strong
from robustdial.data import Source, unit
from robustdial.evaluate.accuracy import Accuracy, chosen_batches, image_batches, right
from robustdial.evaluate.measure import measure
from robustdial.method.threat import Ball, Mask, Masked
from robustdial.method.threat.mask import Border, Dark, Rest
from robustdial.randomness import seeded
from robustdial.typing import Classifier

_LOOKED_AT = 128  # images that tell whether the background is black
_BLACK = 0.2  # share of an image that is black, at least, if black is its background


class Changed(NamedTuple):
    """What one change leaves."""

    part: str
    """Of the images: background or foreground."""
    how: str
    """The name of the attack, or what was put in its place."""
    accuracy: Accuracy


def background_of(source: Source) -> Mask:
    """The mask that suits the images: exact where they are grey on black, a frame for all others.

    >>> from robustdial.data import Resident
    >>> background_of(Resident(torch.zeros(3, 1, 8, 8), torch.zeros(3, dtype=torch.int64)))
    Dark(threshold=0.0)
    """
    x, _ = next(source.batches([torch.arange(min(_LOOKED_AT, len(source)))]))
    black = Dark()(unit(x)).flatten(1).mean(1).median()
    return Dark() if x.shape[1] == 1 and black >= _BLACK else Border()


def background(
    f: Classifier,
    source: Source,
    mask: Mask,
    ball: Ball,
    attack: Attack | None = None,
    *,
    batch: int = 256,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[Changed]:
    """Accuracy when only the background may be attacked, only the foreground, and when the background is another one.

    An image counts if it is classified rightly as it is and after the change. The new background is uniform noise, or
    what another image, drawn from all of them, has at these pixels: of digits on black another digit, too.
    Source: Rothberg et al., arXiv 1909.04779, 2019, for the attack; Xiao et al., Noise or Signal: The Role of Image
    Backgrounds in Object Recognition, ICLR 2021, for the exchange.

    Args:
        f: the network.
        source: the images.
        mask: their background.
        ball: how far a pixel may change under attack.
        attack: `strong()` by default.
        batch: images at a time.
        seed: of each change.
        device: of the images.

    Raises as `measure` does.

    >>> from robustdial.data import Resident
    >>> from robustdial.method.threat import Linf
    >>> middle = lambda x: torch.stack([x[..., 1:3, 1:3].mean((1, 2, 3)), torch.full((len(x),), 0.5)], dim=1)
    >>> images = Resident(torch.full((4, 1, 4, 4), 0.55), torch.zeros(4, dtype=torch.int64))
    >>> found = background(middle, images, Border(), Linf(0.1))
    >>> [(part, accuracy.correct) for part, _, accuracy in found]
    [('background', 4), ('foreground', 0), ('background', 4), ('background', 4)]
    """
    attack = strong() if attack is None else attack
    for part, where in (("background", mask), ("foreground", Rest(mask))):
        with seeded(seed, device):
            found = measure(f, source, attack, Masked(ball, where), batch)
        yield Changed(part, attack.name, found.robust)
    for how, filling in (("noise", _noise), ("another image", _others)):
        fresh = filling(source, batch, torch.Generator().manual_seed(seed))
        pairs = zip(image_batches(source, batch), fresh, strict=True)
        kept = sum(_kept(f, x, y, mask(x), new.to(x)) for (x, y), new in pairs)
        yield Changed("background", how, Accuracy(kept, len(source)))


def _kept(f: Classifier, x: Tensor, y: Tensor, mask: Tensor, new: Tensor) -> int:
    """How many images are classified rightly with their own background and with the new one."""
    return int((right(f, x, y) & right(f, torch.where(mask > 0, new, x), y)).sum())


def _noise(source: Source, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    for index in torch.split(torch.arange(len(source)), batch):
        yield torch.rand(len(index), *source.shape, generator=generator)


def _others(source: Source, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    order = torch.split(torch.randperm(len(source), generator=generator), batch)
    for x, _ in chosen_batches(source, order):
        yield x
