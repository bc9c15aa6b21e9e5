"""The conditional dial: `Dials` describes it, and `dial(model, dials)` puts it on a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, cast

from torch import Tensor, nn

from robustdial.checks import checked, fields_fit
from robustdial.dial.encoding import Cosine, Encoding
from robustdial.dial.film import Conditioner, IdentityFiLM
from robustdial.dial.fixed import check_plain, check_same
from robustdial.dial.kind import Calibration
from robustdial.dial.model import Dialed
from robustdial.dial.offer import Forward, Seat, chosen, in_order, meant
from robustdial.dial.radii import Radii, Same
from robustdial.dial.recalibrate import recalibrated
from robustdial.dial.sampling import PerSample, Sampling
from robustdial.dial.setting import Rows, Setting
from robustdial.dial.surgery import Sites, dialed, everywhere
from robustdial.dial.trial import check_rows
from robustdial.distributed import Shard


@dataclass(frozen=True)
class Dials:
    """A dial over lambda and width.

    Args:
        lambdas: the trained positions in [0, 1]; kept ascending.
        widths: trained shares of the channels, 1 among them; (1.0,) for full width only. Kept ascending.
        encoding: how a lambda becomes a code.
        conditioner: how a code becomes scale and shift.
        sampling: how a batch gets its lambdas.
        dual: a batch norm of its own for lambda = 0.
        radii: how far the adversary of each lambda may go.

    >>> Dials(lambdas=(1, 0)).lambdas
    (0.0, 1.0)
    """

    name: ClassVar[str] = "conditional"
    divisible: ClassVar[bool] = True

    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
    widths: tuple[float, ...] = (1.0,)
    encoding: Encoding = field(default_factory=Cosine)
    conditioner: Conditioner = field(default_factory=IdentityFiLM)
    sampling: Sampling = field(default_factory=PerSample)
    dual: bool = True
    radii: Radii = field(default_factory=Same)

    def __post_init__(self) -> None:
        fields_fit(self)
        widths = tuple(sorted({float(width) for width in self.widths}))
        if not widths or widths[0] <= 0 or widths[-1] != 1:
            raise ValueError(
                f"widths={self.widths} must be shares of the channels, above 0 and up to 1, with 1 among them. For a "
                "narrower network altogether, make the network narrower."
            )
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "lambdas", in_order(self.lambdas))

    def level(self, width: float) -> int | None:
        """Index of a trained width; None of another. 0.333333 is a third, as it is printed."""
        width = meant(width, self.widths)
        return self.widths.index(width) if width in self.widths else None

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> nn.Module:
        """`dial(network, self, example=example)`."""
        (plain,) = networks
        return dial(plain, self, example=example)

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """One game per width, all at the same freshly drawn lambdas.

        Args:
            model: with this dial.
            forward: how it is called.
            x: images `[B, C, H, W]`.
            shard: which rows of a whole batch they are; by default all. Lambdas are drawn for the whole batch.

        Raises TypeError if the model has no dial, ValueError if it has another one.
        """
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            raise TypeError(
                f"A {type(model).__name__} wraps the model. Give the network in it, model.module, and the wrapper "
                "as forward= of train_batch or state.forward."
            )
        check_same(self, model)
        dialed = cast(Dialed, model)
        if not dialed.tried:  # no images were given to dial(): these are the first ones
            check_rows(dialed, x)
            dialed.tried = True
        shard = Shard(len(x)) if shard is None else shard
        rows = self.sampling.rows(shard.of, self.lambdas)
        victims = shard.after(int((rows == 0).sum()) if self.lambdas[0] == 0 else 0)
        settings = dialed.settings(rows[shard.own])
        return [
            Seat(partial(_forward_part, forward, s), s.lam, s.first, victims, self.radii.reach(s.lam), dialed.standing)
            for s in settings
        ]

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """The network at one lambda and one width; a width that was not trained is cut out, `recalibrated`."""
        dialed, lam = cast(Dialed, model), chosen(lam, self.lambdas)
        return dialed.at(lam, width) if self._has(width) else recalibrated(dialed, lam, width, images())

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """A plain network of the original class; a width that was not trained is cut out, `recalibrated`."""
        dialed, lam = cast(Dialed, model), chosen(lam, self.lambdas)
        return dialed.bake(lam, width) if self._has(width) else recalibrated(dialed, lam, width, images())

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        """The trained lambda and the trained width that are meant by printed ones; others as they are.

        >>> Dials((0, 2 / 3), (1 / 3, 1)).meant(0.666667, 0.5)
        (0.6666666666666666, 0.5)
        """
        return None if lam is None else meant(lam, self.lambdas), meant(width, self.widths)

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        """Whether lambda and width are among the trained ones."""
        return lam in self.lambdas and self.level(width) is not None

    def costs_like(self, lam: float | None) -> float | None:
        """Baking leaves nothing of lambda but numbers in the weights: they all cost the same."""
        return self.lambdas[0]

    def _has(self, width: float) -> bool:
        """Whether a width is in the network; a dial of one width has no others to be cut out."""
        return self.level(width) is not None or len(self.widths) == 1


@checked
def dial(
    model: nn.Module,
    dials: Dials | None = None,
    *,
    sites: Sites | None = None,
    film: Sites = everywhere,
    slim: Sites = everywhere,
    example: Tensor | None = None,
) -> Dialed:
    """A copy of `model` that follows the dial; weights are kept, and at first every lambda gives the same logits.

    Batch norms get a clean and a robust branch with FiLM behind them; other norms, and the convolutions of networks
    without norms, get FiLM alone. With several widths, convolutions and linear layers use their leading channels.
    `Dialed.sites` tells what was replaced.

    Args:
        model: a classifier from images in [0, 1] to logits.
        dials: what the dial offers; `Dials()` by default.
        sites: which of its layers to replace; by default `norms`, or `convolutions` where there are no norms.
        film: which of the sites get FiLM; the others only choose their statistics.
        slim: which convolutions and linear layers give fewer channels at narrow widths; never the classifier.
        example: some images `[B, C, H, W]` on which the network is tried, so that what cannot follow the dial is named
            here and not in training; needed for widths.

    Raises:
        ValueError: no site is found, a site keeps no running statistics, or the network cannot run at a width or with a
            lambda for each row; the layer is named.
        TypeError: a site has no affine weights that could follow the dial, or the model is dialed already, compiled, or
            wrapped.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10))
    >>> model = dial(net, Dials(widths=(0.5, 1.0)), example=torch.rand(2, 3, 8, 8))
    >>> model.bake(0.4, width=0.5)[1].num_features
    4
    """
    check_plain(model)
    return dialed(model, dials or Dials(), sites=sites, film=film, slim=slim, example=example)


def _forward_part(forward: Forward, setting: Setting, images: Tensor, rows: Rows) -> Tensor:
    return forward(images, setting.part(rows))
