"""The Square attack: a random search for adversarial images that asks for logits alone, never for a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import EllipsisType
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from robustdial.attack.door import through_door
from robustdial.attack.losses import margin
from robustdial.attack.problem import eval_mode
from robustdial.checks import fields_fit
from robustdial.method.threat import L0, L1, L2, Ball, Linf, Masked, Threat, settled
from robustdial.typing import Classifier

_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # steps after which the window has half the area
_TINY = 1e-12  # a length that is zero stays zero where it is divided by


class Draws(Protocol):
    """The random numbers of a search."""

    def signs(self, like: Tensor, *shape: int) -> Tensor:
        """Random signs, +1 or -1, of a shape, on the device and of the type of `like`."""
        ...

    def corner(self, rows: int, columns: int) -> tuple[int, int]:
        """Row (below `rows`) and column (below `columns`) of the upper left corner of a window."""
        ...


@dataclass(frozen=True)
class TorchDraws:
    """Random numbers from PyTorch's generators."""

    def signs(self, like: Tensor, *shape: int) -> Tensor:
        return torch.randint(2, shape, device=like.device).to(like) * 2 - 1

    def corner(self, rows: int, columns: int) -> tuple[int, int]:
        return int(torch.randint(rows, ())), int(torch.randint(columns, ()))


@dataclass(frozen=True)
class Square:
    """Random search: a change inside a random square window is kept where it brings the best wrong class further ahead.

    Every image has its own start; the windows are shared by the images of a batch. An image is queried until it is
    classified wrongly. What was wrong from the beginning is returned as it is, and what is never found is returned
    with the best change that was. A module is attacked in evaluation mode and left as it was.
    Source: Andriushchenko, Croce, Flammarion & Hein, Square Attack: a query-efficient black-box adversarial attack via
    random search, ECCV 2020, algorithms 1 to 3 on the margin; share and queries as in AutoAttack (Croce & Hein, ICML
    2020).

    Args:
        queries: logits asked for per image, besides those of the image itself.
        share: share of the image that the first windows cover.
        draws: where the random numbers come from.

    Raises:
        TypeError: the threat is none of `Linf`, `L2` and `L1`, nor one of them masked.

    >>> f = lambda x: torch.cat([x.sum((1, 2, 3))[:, None], torch.full((len(x), 1), 1.7)], dim=1)
    >>> x = torch.full((1, 1, 2, 2), 0.5)
    >>> Square(queries=50)(f, x, torch.tensor([0]), Linf(0.1)).unique()
    tensor([0.4000])
    """

    gradient_free: ClassVar[bool] = True

    queries: int = 5000
    share: float = 0.8
    draws: Draws = field(default_factory=TorchDraws)

    def __post_init__(self) -> None:
        fields_fit(self)
        if self.queries < 1 or not 0 < self.share <= 1:
            raise ValueError(
                f"queries={self.queries}, share={self.share:g}: a search needs at least one query, and windows that "
                "cover a share of the image above 0 and at most 1."
            )

    @property
    def name(self) -> str:
        return "square" if self.queries == 5000 else f"square-{self.queries}"

    @property
    def where(self) -> str:
        return "Linf, L2 and L1, masked or not"

    def moves_in(self, threat: Threat) -> bool:
        return isinstance(threat, Ball) and not isinstance(threat, L0)

    @through_door
    @torch.no_grad()
    def __call__(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        with eval_mode(f):
            z = self._search(f, x, y, threat)
        return _image(threat, x, z)

    def _search(self, f: Classifier, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        moves, z, best = _moves(threat), torch.zeros_like(x), margin(f(x), y)
        around, inside = x, settled(threat, x)
        for query in range(self.queries):
            standing = (best <= 0).nonzero().squeeze(1)
            if not len(standing):
                break
            if len(standing) < len(around):
                around, inside = x[standing], settled(threat, x[standing])
            now = z[standing]
            if query == 0:
                trial = moves.start(around, self.draws)
            else:
                trial = moves.step(now, _side(self.share, query - 1, x), self.draws)
            trial = inside.project(trial, around, 1.0)
            ahead = margin(f(_image(inside, around, trial)), y[standing])
            better = (ahead > best[standing]) | (query == 0)
            z[standing] = torch.where(better[:, None, None, None], trial, now)
            best[standing] = torch.where(better, ahead, best[standing])
        return z


class _Moves(Protocol):
    """How the search moves in a set; the threat projects afterwards."""

    def start(self, x: Tensor, draws: Draws) -> Tensor:
        """A first perturbation of `x`."""
        ...

    def step(self, z: Tensor, side: int, draws: Draws) -> Tensor:
        """`z`, changed inside a window (or two) of `side` pixels a side."""
        ...


@dataclass(frozen=True)
class _Extremes:
    """L-infinity: stripes to start with, then windows of one colour, everything as far out as the set allows."""

    eps: float

    def start(self, x: Tensor, draws: Draws) -> Tensor:
        images, channels, _, columns = x.shape
        return (self.eps * draws.signs(x, images, channels, 1, columns)).expand_as(x)

    def step(self, z: Tensor, side: int, draws: Draws) -> Tensor:
        z = z.clone()
        z[_window(z, side, draws)] = self.eps * draws.signs(z, z.shape[1], 1, 1)
        return z


@dataclass(frozen=True)
class _Bumps:
    """L2: bumps that decay from their middle; a step gives one window the length of a second one and what is unused."""

    eps: float

    def start(self, x: Tensor, draws: Draws) -> Tensor:
        z = _tiled(x, draws, power=2)
        return z * (self.eps / _length(z, 1, 2, 3))

    def step(self, z: Tensor, side: int, draws: Draws) -> Tensor:
        return _moved(z, self.eps, side, draws, 2, lambda freed, unused: (freed + unused / z.shape[1]).sqrt())


@dataclass(frozen=True)
class _Peaks:
    """L1: bumps that decay faster; what is too long is cut back to few pixels when the threat projects it.

    Source: the L1 version of Square in AutoAttack.
    """

    eps: float

    def start(self, x: Tensor, draws: Draws) -> Tensor:
        return _tiled(x, draws, power=1)

    def step(self, z: Tensor, side: int, draws: Draws) -> Tensor:
        return _moved(z, self.eps, side, draws, 1, lambda freed, unused: unused + z.shape[1] * freed)


def _moved(
    z: Tensor, eps: float, side: int, draws: Draws, power: int, length: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """`z` with a bump in one window and nothing in a second; `length` of the bump in each channel `[B, C, 1, 1]`, from
    what the two windows had `[B, C, 1, 1]` and what is not used `[B, 1, 1, 1]` of `eps`, to the `power` of the norm."""
    side = min(max(side, 3) | 1, *z.shape[2:])  # odd, so that a bump has a middle
    gaining, losing = _window(z, side, draws), _window(z, side, draws)
    rest, before = z.clone(), z.abs() ** power
    rest[gaining] = rest[losing] = 0
    unused = (eps**power - before.sum((1, 2, 3), keepdim=True)).clamp_min(0)
    freed = (before - rest.abs() ** power).sum((2, 3), keepdim=True)
    bump = _bump(side, draws, z, power) * draws.signs(z, len(z), z.shape[1], 1, 1)
    shape = bump + z[gaining] / _length(z[gaining], 2, 3, power=power)
    rest[gaining] = shape * (length(freed, unused) / _length(shape, 2, 3, power=power))
    return rest


def _moves(threat: Threat) -> _Moves:
    match threat:
        case Linf():
            return _Extremes(threat.eps)
        case L2():
            return _Bumps(threat.eps)
        case L1():
            return _Peaks(threat.eps)
        case Masked():
            return _moves(threat.threat)  # what falls beside the mask is lost when the change is projected
    raise TypeError(f"The Square attack moves in Linf, L2 and L1, masked or not, not in {threat.name}.")


def _image(threat: Threat, x: Tensor, z: Tensor) -> Tensor:
    return threat.apply(x, z).clamp(0, 1)  # x + z may leave [0, 1] by a rounding error


def _side(share: float, step: int, x: Tensor) -> int:
    """Pixels per side of the window of a step (the first is 0); the schedule does not depend on the queries."""
    height, width = x.shape[2:]
    area = share / 2 ** sum(step > start for start in _HALVINGS) * height * width
    return min(max(round(math.sqrt(area)), 1), height, width)


def _window(z: Tensor, side: int, draws: Draws) -> tuple[EllipsisType, slice, slice]:
    """The index of a random square window in images."""
    top, left = draws.corner(z.shape[2] - side + 1, z.shape[3] - side + 1)
    return ..., slice(top, top + side), slice(left, left + side)


def _tiled(x: Tensor, draws: Draws, power: int) -> Tensor:
    """Bumps side by side over images like `x`, each with a random sign."""
    images, channels, height, width = x.shape
    side = max(min(height, width) // 5, 1)
    rows, columns = height // side, width // side
    tiles = torch.kron(draws.signs(x, images, channels, rows, columns), _bump(side, draws, x, power)[None, None])
    down, across = height - rows * side, width - columns * side
    return F.pad(tiles, (across // 2, across - across // 2, down // 2, down - down // 2))


def _bump(side: int, draws: Draws, like: Tensor, power: int) -> Tensor:
    """Two halves of opposite sign, lying or standing at random, of length 1 in L1 or L2: `[side, side]`."""
    half = side // 2
    bump = torch.cat([_hill(side, half, like, 4 // power), -_hill(side, side - half, like, 4 // power)], dim=1)
    bump = bump / _length(bump, 0, 1, power=power)
    return torch.where(draws.signs(like, 1) > 0, bump, bump.T)  # chosen there: an `if` would wait for the device


def _hill(rows: int, columns: int, like: Tensor, decay: int) -> Tensor:
    """Values that fall from the middle of `[rows, columns]` to its border (equation 3); no more columns than rows."""
    top = rows // 2
    heights = (1 / torch.arange(top + 1, 0, -1, device=like.device).to(like) ** decay).cumsum(0)
    off = [(torch.arange(n, device=like.device) - n // 2).abs() for n in (rows, columns)]
    return heights[top - torch.maximum(off[0][:, None], off[1])]


def _length(z: Tensor, *dims: int, power: int = 2) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(z, power, dim=dims, keepdim=True)
    return length.clamp_min(_TINY)
