"""A dial in weight space: all weights lie on a line between two ends, for any network, without surgery."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from robustdial.dial.checks import check_network, copied
from robustdial.dial.described import describe_in
from robustdial.dial.encoding import interpolate
from robustdial.dial.fixed import check_plain, check_same
from robustdial.dial.kind import Calibration
from robustdial.dial.kinds import BATCH_NORMS
from robustdial.dial.mixture import check_answers, check_full, standing, two
from robustdial.dial.offer import Forward, Seat, chosen, in_order, meant
from robustdial.dial.radii import Radii, Same
from robustdial.dial.recalibrate import reestimated
from robustdial.dial.sampling import PerBatch, Sampling
from robustdial.dial.setting import Rows
from robustdial.dial.trial import check_example
from robustdial.distributed import Shard
from robustdial.logits import logits_of

Tensors = dict[str, Tensor]


class Stand(NamedTuple):
    """Where the line stands for a batch: at one of the positions that have statistics."""

    lam: Tensor
    """The position, a scalar."""
    number: int
    """Of its statistics."""


class _Positions(Protocol):
    @property
    def lambdas(self) -> tuple[float, ...]: ...


class OnLine(nn.Module):
    """A classifier whose weights are `(1 - lambda) start + lambda end`. Made by `line(model)` or `interpolated(a, b)`.

    Batch norms have statistics of their own at each of the dial's lambdas; between two of these they are interpolated.
    Everything else of the networks, parametrized and shared weights included, is theirs.

    Args:
        start, end: two networks of one architecture.
        dials: what the dial offers.
    """

    def __init__(self, start: nn.Module, end: nn.Module, dials: _Positions) -> None:
        super().__init__()
        self.ends, self.dials = nn.ModuleList([start, end]), dials
        owners = [end if lam == 1 else start for lam in dials.lambdas]
        self.statistics = nn.ModuleList(_Buffers(_statistics(owner)) for owner in owners)
        describe_in(self, "line", dials.lambdas)
        self.turn = _Turn()
        self.training = start.training

    def forward(self, x: Tensor, stand: Stand | None = None) -> Tensor:
        """Logits `[B, K]` of images, all rows at one position. Raises TypeError without one."""
        if stand is None:
            raise TypeError("This network has a dial: say where it stands. model.at(lam)(x) is a plain f(x).")
        return self._called(x, stand.lam, self._kept(stand.number))

    def stand(self, index: int) -> Stand:
        """The position of an index into the dial's lambdas."""
        like = next(self.ends.parameters())
        return Stand(like.new_full((), self.dials.lambdas[index]), index)

    def at(self, lam: float | tuple[float, float], width: float = 1.0, mix: float | None = None) -> nn.Module:
        """This network at one lambda as a plain `f(x)`; shares the weights, so it follows further training.

        With `mix`, two lambdas: the mixture of their probabilities, this share of the second. Raises ValueError off the
        dial.
        """
        return standing(partial(self._at, width=width), lam, mix)

    def bake(self, lam: float | tuple[float, float], width: float = 1.0, mix: float | None = None) -> nn.Module:
        """A plain network of the original class, in evaluation mode, with the weights of one lambda; as `at`."""
        return standing(partial(self._baked, width=width), lam, mix)

    def measure(self, images: Iterable[Tensor]) -> None:
        """Take the statistics of every lambda between 0 and 1 anew from training images `[B, C, H, W]`."""
        batches = list(images)
        for index, lam in enumerate(self.dials.lambdas):
            if 0 < lam < 1:
                found = _statistics(reestimated(self._baked(lam), batches))
                for name, kept in self._kept(index).items():
                    kept.copy_(found[name])

    def _at(self, lam: float, width: float = 1.0) -> nn.Module:
        check_full(width)
        return _At(self, chosen(lam, self.dials.lambdas))

    @torch.no_grad()
    def _baked(self, lam: float, width: float = 1.0) -> nn.Module:
        check_full(width)
        lam, network = chosen(lam, self.dials.lambdas), copied(self.ends[0])
        own = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        for name, value in {**self._weights(torch.tensor(lam)), **self.statistics_at(lam)}.items():
            own[name].copy_(value)
        network.eval()
        return network

    def statistics_at(self, lam: float) -> Tensors:
        """Statistics of every batch norm at any lambda, by the names of its buffers."""
        every = [self._kept(index) for index in range(len(self.dials.lambdas))]
        return {
            name: interpolate(lam, self.dials.lambdas, torch.stack([kept[name] for kept in every]))
            if value.is_floating_point()
            else value
            for name, value in every[0].items()
        }

    def _weights(self, lam: Tensor) -> Tensors:
        start, end = (dict(network.named_parameters()) for network in self.ends)
        return {name: torch.lerp(weight, end[name], lam.to(weight)) for name, weight in start.items()}

    def _called(self, x: Tensor, lam: Tensor, statistics: Tensors) -> Tensor:
        return logits_of(functional_call(self.ends[0], {**self._weights(lam), **statistics}, (x,)))

    def _kept(self, index: int) -> Tensors:
        return {name.replace("/", "."): value for name, value in self.statistics[index].named_buffers()}


class _Buffers(nn.Module):
    """Tensors that travel with a network, named as they are where they belong, with slashes for dots."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name.replace(".", "/"), value.detach().clone())


class _At(nn.Module):
    """A line at one position: a plain module, with no weights of its own."""

    def __init__(self, line: OnLine, lam: float) -> None:
        super().__init__()
        self.training = line.training
        self.line, self.lam = line, lam

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]` of images `[B, C, H, W]`."""
        with self.line.turn.lock:  # while a network is called with other weights, no other thread may call it
            lam = torch.full((), self.lam, device=x.device)
            return self.line._called(x, lam, self.line.statistics_at(self.lam))


class _Turn:
    """Whose turn it is to call a network with weights of his own. A copy has a lock of its own."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def __reduce__(self) -> tuple[type[_Turn], tuple[()]]:
        return _Turn, ()


@dataclass(frozen=True)
class Line:
    """A dial in weight space that is trained: both ends learn, each batch at one lambda.

    A pass costs what a pass of the plain network costs, and the network has twice its weights. Any network will do.

    Args:
        lambdas: the trained positions in [0, 1]; kept ascending.
        sampling: how a batch gets its lambda, which is one for all rows.
        radii: how far the adversary of each lambda may go.
    """

    name: ClassVar[str] = "line"
    divisible: ClassVar[bool] = False

    lambdas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    sampling: Sampling = field(default_factory=PerBatch)
    radii: Radii = field(default_factory=Same)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lambdas", in_order(self.lambdas))

    @property
    def widths(self) -> tuple[float, ...]:
        """Full width."""
        return (1.0,)

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> OnLine:
        """Both ends are copies of one network: at first every lambda gives its logits."""
        (plain,) = networks
        check_network(plain)
        check_plain(plain)
        if example is not None:
            check_example(plain, example)
        return OnLine(copied(plain), copied(plain), self)

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """One game, all rows at a freshly drawn lambda. Raises TypeError or ValueError for a model of another dial."""
        check_same(self, model)
        index = int(self.sampling.rows(1, self.lambdas)[0])
        stand = cast(OnLine, model).stand(index)
        lam = stand.lam.float().expand(len(x))
        clean, shard = self.lambdas[index] == 0, Shard(len(x)) if shard is None else shard
        victims = shard.after(shard.of if clean else 0)
        return [Seat(partial(_forward_all, forward, stand), lam, len(x) * clean, victims, self.radii.reach(lam))]

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(OnLine, model).at(chosen(lam, self.lambdas), width)

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(OnLine, model).bake(chosen(lam, self.lambdas), width)

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        return None if lam is None else meant(lam, self.lambdas), width

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        return lam in self.lambdas and width == 1

    def costs_like(self, lam: float | None) -> float | None:
        return self.lambdas[0]


@dataclass(frozen=True)
class Interpolated:
    """A dial between two given networks of one architecture: their weights are averaged, a soup of two.

    Source: Wortsman et al., Model Soups, ICML 2022; Ilharco et al., Patching Open-vocabulary Models by Interpolating
    Weights, NeurIPS 2022. Networks that were not trained from the same start rarely have anything good between them.

    Args:
        lambdas: positions at which statistics of batch norms are measured; between them these are interpolated.
    """

    name: ClassVar[str] = "interpolation"
    divisible: ClassVar[bool] = False

    lambdas: tuple[float, ...] = tuple(i / 10 for i in range(11))

    def __post_init__(self) -> None:
        object.__setattr__(self, "lambdas", in_order((0.0, *self.lambdas, 1.0)))

    @property
    def widths(self) -> tuple[float, ...]:
        """Full width."""
        return (1.0,)

    def put_on(self, *networks: nn.Module, example: Tensor | None = None) -> OnLine:
        """A copy of two networks under one dial, the accurate one first; statistics between them are not measured."""
        accurate, robust = two(networks)
        check_network(accurate)
        check_plain(accurate)
        _check_alike(accurate, robust)
        if example is not None:
            check_answers(accurate, robust, example)
        found = OnLine(copied(accurate), copied(robust), self)
        found.eval()
        return found

    def seats(self, model: nn.Module, forward: Forward, x: Tensor, shard: Shard | None = None) -> list[Seat]:
        """Raises TypeError: nothing of it is trained."""
        raise TypeError("Two given networks are not trained. Train these, or a method with --dial line.")

    def at(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(OnLine, model).at(chosen(lam, self.lambdas), width)

    def bake(self, model: nn.Module, lam: float | None, width: float, images: Calibration) -> nn.Module:
        return cast(OnLine, model).bake(chosen(lam, self.lambdas), width)

    def meant(self, lam: float | None, width: float = 1.0) -> tuple[float | None, float]:
        return None if lam is None else meant(lam, self.lambdas), width

    def trained(self, lam: float | None, width: float = 1.0) -> bool:
        """The ends are: they are the networks that were given."""
        return lam in (0.0, 1.0) and width == 1

    def costs_like(self, lam: float | None) -> float | None:
        return 0.0


def interpolated(accurate: nn.Module, robust: nn.Module, images: Iterable[Tensor]) -> OnLine:
    """Two networks of one architecture as one with a dial: `interpolated(a, b, images).at(0.4)` is a plain `f(x)`.

    Args:
        accurate, robust: networks from images in [0, 1] to logits.
        images: batches of training images `[B, C, H, W]`, to measure the statistics of batch norms on.

    Raises ValueError if they are not of one architecture.
    """
    batches = list(images)
    found = Interpolated().put_on(accurate, robust, example=batches[0][:2] if batches else None)
    found.measure(batches)
    return found


def _forward_all(forward: Forward, stand: Stand, images: Tensor, rows: Rows) -> Tensor:
    return forward(images, stand)


def _statistics(network: nn.Module) -> Tensors:
    """What the batch norms of a network have measured, by the names of the buffers."""
    return {
        f"{name}.{key}" if name else key: value
        for name, norm in network.named_modules()
        for key, value in norm.named_buffers(recurse=False)
        if isinstance(norm, BATCH_NORMS)
    }


def _check_alike(start: nn.Module, end: nn.Module) -> None:
    """Raises ValueError for two networks that are not of one architecture, or normalise their images otherwise."""
    one, other = start.state_dict(), end.state_dict()
    wrong = [n for n in one | other if n not in one or n not in other or one[n].shape != other[n].shape]
    if wrong:
        raise ValueError(
            f"The two networks are of different architectures: {len(wrong)} of {len(one)} tensors differ, first "
            f"{wrong[0]!r}. Weights between them mean nothing; mix their answers instead."
        )
    measured = _statistics(start)
    fixed = [(name, value) for name, value in start.named_buffers() if name not in measured]
    for name, value in fixed:
        if name in other and not torch.equal(value.cpu(), other[name].cpu()):
            raise ValueError(
                f"The two networks differ in {name!r}, which is no weight (how they normalise images, say), so nothing "
                "lies between them. Mix their answers instead."
            )
