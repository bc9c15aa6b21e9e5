"""`Fixed`: no dial. And which dial a network has."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from robustdial.dial.kind import Calibration, DialKind
from robustdial.dial.offer import Forward, Seat, unchanged
from robustdial.distributed import Shard


@dataclass(frozen=True)
class Fixed:
    """No dial: a plain network, every row attacked, lambda 1 throughout; its one position is None."""

    name: ClassVar[str] = "none"
    divisible: ClassVar[bool] = True

    @property
    def lambdas(self) -> tuple[None]:
        """The one position."""
        return (None,)

    @property
    def widths(self) -> tuple[float, ...]:
        """Full width."""
        return (1.0,)

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> nn.Module:
        """The network itself."""
        (plain,) = networks
        return plain

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """The one game of a batch. Raises TypeError if the model has a dial."""
        if kind_of(model) != self:
            raise TypeError(
                "This method trains a plain network, but the model has a dial. Give it model.bake(lam), or train oat."
            )
        standing = getattr(forward, "standing", unchanged)
        victims = Shard(len(x)) if shard is None else shard
        return [Seat(lambda images, rows: forward(images), x.new_ones(len(x)), 0, victims, standing=standing)]

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """The network itself."""
        _check_nowhere(lam, width)
        return model

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        """A copy of the network."""
        _check_nowhere(lam, width)
        baked = copy.deepcopy(model)
        baked.eval()
        return baked

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        return lam, width

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        return lam is None

    def costs_like(self, lam: float | None) -> float | None:
        return None


def kind_of(model: nn.Module) -> DialKind:
    """The dial that a network has; every network with one keeps it as `dials`.

    >>> kind_of(nn.Linear(2, 2))
    Fixed()
    """
    found: DialKind = getattr(model, "dials", Fixed())
    return found


def check_plain(model: nn.Module) -> None:
    """Raises TypeError if a model, or a part of it, has a dial already."""
    if any(kind_of(module) != Fixed() for module in model.modules()):
        raise TypeError("This model has a dial already. Give the plain network, for example model.bake(lam).")


def check_same(own: DialKind, model: nn.Module) -> None:
    """Raises TypeError if a model that a dial is to train has none, ValueError if it has another one."""
    found = kind_of(model)
    if found == Fixed():
        raise TypeError(
            "This method trains a dial, but the model has none. Wrap it first: model = dial(model, method.dial)."
        )
    if (found.name, found.lambdas, found.widths) != (own.name, own.lambdas, own.widths):
        raise ValueError(
            f"The method trains a dial of kind {own.name}, lambdas {own.lambdas} and widths {own.widths}; that of the "
            f"model is {found.name}, {found.lambdas} and {found.widths}. "
            "Make both from the same Dials: model = dial(model, method.dial)."
        )


def _check_nowhere(lam: float | None, width: float) -> None:
    if lam is None and width == 1:
        return
    asked = f"width={width:g}" if lam is None else f"lam={lam:g}"
    raise ValueError(f"{asked}: this network has no dial. Leave it out, or train a method with one.")
