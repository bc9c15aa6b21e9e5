"""`dial(model, dials)`: a classifier that its author never meant for it becomes a dialed one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from robustdial.checks import checked
from robustdial.dial.checks import check_network, check_site, check_some_norm_is_known, copied
from robustdial.dial.dials import Dials
from robustdial.dial.film import NoFiLM
from robustdial.dial.inventory import Site
from robustdial.dial.kinds import BATCH_NORMS, NORMS, channel_dim
from robustdial.dial.model import Dialed
from robustdial.dial.modulated import Modulated, PerWidth, Whole, unfused
from robustdial.dial.narrow import cut_norm
from robustdial.dial.norm import DialNorm
from robustdial.dial.probe import Gauge
from robustdial.dial.setting import Dial
from robustdial.dial.slim import Slim
from robustdial.dial.trial import check_example, check_rows
from robustdial.dial.widths import slimmed

Sites = Callable[[str, nn.Module], bool]
"""(name, module) to whether this layer follows the dial."""


def norms(name: str, module: nn.Module) -> bool:
    """The default sites: every batch, layer, group and instance norm."""
    return isinstance(module, NORMS)


def convolutions(name: str, module: nn.Module) -> bool:
    """The default sites of a network without norms: every convolution."""
    return isinstance(module, nn.Conv2d)


def everywhere(name: str, module: nn.Module) -> bool:
    """Every layer that is asked about."""
    return True


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
    if any(isinstance(module, DialNorm | Modulated) for module in model.modules()):
        raise TypeError("This model has a dial already. Give dial() the plain network, for example model.bake(lam).")
    check_network(model)
    dials, shared, body = dials or Dials(), Dial(), copied(model)
    if example is not None:
        like = next(body.parameters(), example)
        example = example.to(like.device, like.dtype)
        check_example(body, example)
    chosen = _chosen(body, sites)
    if dials.widths != (1.0,):
        if example is None:
            raise ValueError("A network of several widths is tried at each. Give dial() some images: example=x.")
        slimmed(body, shared, dials.widths, slim, example)
    found = _replace_sites(body, chosen, shared, dials, film)
    _replace_gauges(body, shared, len(dials.widths))
    dialed = Dialed(body, shared, dials, found)
    dialed.training = model.training
    if example is not None:
        check_rows(dialed, example)
    return dialed


def _chosen(body: nn.Module, sites: Sites | None) -> dict[str, nn.Module]:
    if sites is None and any(isinstance(module, NORMS) for module in body.modules()):
        sites = norms
    elif sites is None:
        check_some_norm_is_known(body)
        sites = convolutions
    chosen = {name: module for name, module in body.named_modules(remove_duplicate=False) if sites(name, module)}
    for name, module in chosen.items():
        check_site(name, module)
    if not chosen:
        raise ValueError(
            f"{type(body).__name__} has no norm and no convolution that could follow the dial. "
            "Name the layers with sites=..."
        )
    return chosen


def _replace_sites(
    body: nn.Module, chosen: dict[str, nn.Module], shared: Dial, dials: Dials, film: Sites
) -> tuple[Site, ...]:
    like, code = next(body.parameters(), torch.empty(0)), dials.encoding.table(dials.lambdas).shape[1]
    replaced: dict[nn.Module, nn.Module] = {}  # a layer used in two places stays one layer
    found = []
    for name, plain in chosen.items():
        now = body.get_submodule(name)
        if now not in replaced:
            channels = _channels(now, len(dials.widths))
            conditioner = dials.conditioner if film(name, plain) else NoFiLM()
            network = conditioner.build(code, channels).to(like.device, like.dtype)
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
    known = ("num_features", "num_channels", "out_channels", "out_features")
    count = next((getattr(now, name) for name in known if hasattr(now, name)), None)
    return (int(now.normalized_shape[0] if count is None else count),) * levels  # type: ignore[index, arg-type]
