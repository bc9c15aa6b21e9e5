"""A classifier that its author never meant for it becomes a dialed one: layers are found and replaced."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from robustdial.dial.checks import (
    LINE,
    check_network,
    check_nothing_hidden,
    check_site,
    check_some_norm_is_known,
    copied,
)
from robustdial.dial.film import NoFiLM, ScaleOnly
from robustdial.dial.inventory import Site
from robustdial.dial.kinds import BATCH_NORMS, NORMS, channel_dim, channels_of
from robustdial.dial.model import Dialed
from robustdial.dial.modulated import Modulated, PerWidth, Whole, unfused
from robustdial.dial.narrow import cut_norm
from robustdial.dial.norm import DialNorm
from robustdial.dial.norms import normlike
from robustdial.dial.offer import Offer
from robustdial.dial.probe import Gauge
from robustdial.dial.setting import Dial
from robustdial.dial.slim import Slim
from robustdial.dial.trial import check_copy, check_hidden, check_rows, check_training, without_rows
from robustdial.dial.widths import slimmed

Sites = Callable[[str, nn.Module], bool]
"""(name, module) to whether this layer follows the dial."""


def norms(name: str, module: nn.Module) -> bool:
    """The default sites: every batch, layer, group, instance and RMS norm, and what is like one."""
    return normlike(module)


def convolutions(name: str, module: nn.Module) -> bool:
    """The default sites of a network without norms: every convolution."""
    return isinstance(module, nn.Conv2d)


def everywhere(name: str, module: nn.Module) -> bool:
    """Every layer that is asked about."""
    return True


@torch.inference_mode(False)  # what is made inside of it could never be trained, nor attacked
def dialed(
    model: nn.Module,
    dials: Offer,
    *,
    sites: Sites | None = None,
    film: Sites = everywhere,
    slim: Sites = everywhere,
    example: Tensor | None = None,
) -> Dialed:
    """`dial(model, dials)`, where the arguments are explained."""
    if any(isinstance(module, DialNorm | Modulated) for module in model.modules()):
        raise TypeError("This model has a dial already. Give dial() the plain network, for example model.bake(lam).")
    check_network(model)
    shared, body = Dial(), copied(model)
    if example is not None:
        if not example.dim() or not len(example):
            raise ValueError("example has no images. Give dial() some, [B, C, H, W], or leave it out.")
        like = next(body.parameters(), example)
        example = example.to(like.device, like.dtype)
        check_copy(model, body, example)
    check_nothing_hidden(body)
    chosen = _chosen(body, sites, example)
    if dials.widths != (1.0,):
        if example is None:
            raise ValueError("A network of several widths is tried at each. Give dial() some images: example=x.")
        slimmed(body, shared, dials.widths, slim, example)
    found = _replace_sites(body, chosen, shared, dials, film)
    _replace_gauges(body, shared, len(dials.widths))
    dialed = Dialed(body, shared, dials, found)
    dialed.training = model.training
    if example is not None:
        check_hidden(dialed, example)
        check_rows(dialed, example)
        check_training(dialed, example)
        dialed.tried = True
    return dialed


def _chosen(body: nn.Module, sites: Sites | None, example: Tensor | None) -> dict[str, nn.Module]:
    chosen = _found(body, example) if sites is None else _named(body, sites)
    for name, module in chosen.items():
        check_site(name, module)
    if not chosen:
        raise ValueError(
            f"{type(body).__name__} has no norm and no convolution that could follow the dial. "
            f"Name the layers with sites=... {LINE}"
        )
    return chosen


def _named(body: nn.Module, sites: Sites) -> dict[str, nn.Module]:
    return {name: module for name, module in body.named_modules(remove_duplicate=False) if sites(name, module)}


def _found(body: nn.Module, example: Tensor | None) -> dict[str, nn.Module]:
    """The norms of a network, or else its convolutions; where it can be tried, those that see the rows of a batch."""
    every, blind = _named(body, norms), set() if example is None else without_rows(body, example, normlike)
    seeing = {name: module for name, module in every.items() if module not in blind}
    if seeing:
        return seeing
    if not every:
        check_some_norm_is_known(body)
    blind = set() if example is None else without_rows(body, example, lambda module: isinstance(module, nn.Conv2d))
    convs = _named(body, convolutions)
    return {name: module for name, module in convs.items() if module not in blind} or every


def _replace_sites(
    body: nn.Module, chosen: dict[str, nn.Module], shared: Dial, dials: Offer, film: Sites
) -> tuple[Site, ...]:
    like, code = next(body.parameters(), torch.empty(0)), dials.encoding.table(dials.lambdas).shape[1]
    replaced: dict[nn.Module, nn.Module] = {}  # a layer used in two places stays one layer
    found = []
    for name, plain in chosen.items():
        now = body.get_submodule(name)
        if now in replaced.values():  # a block under two names: it was met under the other one
            continue
        if now not in replaced:
            channels = _channels(now, len(dials.widths))
            conditioner = dials.conditioner if film(name, plain) else NoFiLM()
            network = conditioner.build(code, channels)
            network = network if hasattr(plain, "bias") else ScaleOnly(network)
            network = network.to(like.device, like.dtype)
            statistics = 1 + dials.dual if isinstance(plain, BATCH_NORMS) else 0
            size = sum(weight.numel() for weight in network.parameters())
            found.append(Site(name, type(plain).__name__, channels, statistics, size))
            replaced[now] = _following(plain, now, shared, network, channels, dials.dual)
            replaced[now].train(plain.training)
        body.set_submodule(name, replaced[now])
    return tuple(found)


def _following(
    plain: nn.Module, now: nn.Module, shared: Dial, film: nn.Module, channels: tuple[int, ...], dual: bool
) -> nn.Module:
    """What stands in the place of the layer `plain`, which has become `now` if the network has several widths."""
    if isinstance(plain, BATCH_NORMS):
        return DialNorm(plain, shared, film, channels, dual)
    after = unfused(plain)
    if isinstance(plain, NORMS):
        return Modulated(_per_width(plain, channels, shared), shared, film, channel_dim(plain), after)
    return Modulated(now if isinstance(now, Slim) else Whole(now), shared, film, channel_dim(plain), after)


def _replace_gauges(body: nn.Module, shared: Dial, levels: int) -> None:
    """A norm that does not follow lambda still has statistics of its own at each width."""
    replaced: dict[nn.Module, nn.Module] = {}
    for name, now in list(body.named_modules(remove_duplicate=False)):
        if isinstance(now, Gauge):
            norm = _per_width(now.norm, _channels(now, levels), shared)
            norm.train(now.norm.training)
            replaced.setdefault(now, norm)
            body.set_submodule(name, replaced[now])


def _per_width(norm: nn.Module, channels: tuple[int, ...], shared: Dial) -> PerWidth:
    return PerWidth([cut_norm(norm, c) for c in channels], shared)


def _channels(now: nn.Module, levels: int) -> tuple[int, ...]:
    """Channels that a layer gives at each width."""
    if isinstance(now, Gauge):
        return tuple(now.channels[level] for level in range(levels))
    if isinstance(now, Slim):
        return tuple(now.channels(level) for level in range(levels))
    return (channels_of(now),) * levels
