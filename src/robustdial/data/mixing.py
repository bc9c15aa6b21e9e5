"""Images mixed with each other, and their labels with them: mixup and CutMix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from robustdial.checks import fields_fit
from robustdial.data.batch import Batch
from robustdial.distributed import ALONE, World

_LEAST, _MOST = 0.001, 1000  # beyond, shares are 0, 1/2 or 1, and in float32 not even that


def mixing_of(mixup: float, cutmix: float) -> Mixing | None:
    """`Mixing(mixup, cutmix)`, or None where both are 0. Raises ValueError if one cannot be meant."""
    return Mixing(mixup, cutmix) if mixup or cutmix else None


@dataclass(frozen=True)
class Mixing:
    """Each image of a batch is mixed with the one before it, and its label in the same share.

    The share, and the place of a cut, are drawn once for a batch, as in `torchvision.transforms.v2`, whose `MixUp` and
    `CutMix` do the mixing; with both, a coin decides between them for each batch. Draws are those of torch's generator
    on the CPU, and the row before is that of the whole batch, on however many processes it is played.

    Labels become probabilities `[B, K]`. Where a class is asked for, it is the one with the larger share; so is, of two
    images, the one whose label counts as a teacher's or not. Where an image comes from (`Batch.origin`) stays that of
    its own row.

    Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018; Yun et al., CutMix: Regularization
    Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019.

    Args:
        mixup: parameter of the Beta distribution of which mixup draws its share; 0 for no mixup.
        cutmix: the same of CutMix.

    >>> batch = Batch(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))
    >>> Mixing(mixup=0.2)(batch, classes=3).y.shape
    torch.Size([4, 3])
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        fields_fit(self)
        if not self.mixup and not self.cutmix:
            raise ValueError("mixup=0 and cutmix=0 mix nothing. Give one of them, such as mixup=0.2.")
        for name, value in (("mixup", self.mixup), ("cutmix", self.cutmix)):
            if value and not _LEAST <= value <= _MOST:
                raise ValueError(f"{name}={value} draws no share. Give one from {_LEAST} to {_MOST}, or 0 for none.")

    def __call__(self, batch: Batch, classes: int, world: World = ALONE) -> Batch:
        """The batch, mixed, with probabilities of so many classes as labels. Its labels must be class numbers."""
        images, share = self._mixed(batch.x, world.before(batch.x))
        own, other = (one_hot(y, classes).to(images.dtype) for y in (batch.y, world.before(batch.y)))
        marks = batch.all_by_teacher if share >= 0.5 else batch.all_by_teacher.roll(1)
        return replace(
            batch,
            x=images,
            y=share * own + (1 - share) * other,
            pseudo_labelled=marks[batch.place.own],
            all_pseudo_labelled=marks,
        )

    def _mixed(self, x: Tensor, before: Tensor) -> tuple[Tensor, float]:
        """The images mixed with those before them, and the share of each that is its own."""
        # the transform mixes each row with the one before: here every image comes after its partner
        pairs = torch.stack([before, x], 1).flatten(0, 1)
        images, shares = self._transform(pairs, torch.arange(2).repeat(len(x)))
        return images[1::2].contiguous(), float(shares[1, 1])

    @cached_property
    def _transform(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        from torchvision.transforms import v2  # takes a while to import, and few trainings need it

        given = [(v2.MixUp, self.mixup), (v2.CutMix, self.cutmix)]
        kinds = [kind(alpha=alpha, num_classes=2) for kind, alpha in given if alpha]
        transform: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = v2.RandomChoice(kinds)
        return transform
