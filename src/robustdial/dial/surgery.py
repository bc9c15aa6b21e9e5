"""`dial(model, dials)`: a classifier that its author never meant for it becomes a dialed one."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor, nn

from robustdial.dial.dials import Dials
from robustdial.dial.film import NoFiLM
from robustdial.dial.inventory import Site
from robustdial.dial.kinds import BATCH_NORMS, NORMS, WEIGHTED, channel_dim
from robustdial.dial.model import Dialed
from robustdial.dial.modulated import Modulated, PerWidth, unfused
from robustdial.dial.narrow import cut_norm
from robustdial.dial.norm import DialNorm
from robustdial.dial.probe import Gauge
from robustdial.dial.setting import Dial
from robustdial.dial.slim import Slim
from robustdial.dial.widths import slimmed

Sites = Callable[[str, nn.Module], bool]
"""(name, module) to whether this layer follows the dial."""


def norms(name: str, module: nn.Module) -> bool:
    """The default sites: every batch, layer and group norm."""
    return isinstance(module, NORMS)


def convolutions(name: str, module: nn.Module) -> bool:
    """The default sites of a network without norms: every convolution."""
    return isinstance(module, nn.Conv2d)


def everywhere(name: str, module: nn.Module) -> bool:
    """Every layer that is asked about."""
    return True


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

    Batch norms get a clean and a robust branch with FiLM behind them; layer and group norms, and the convolutions of
    networks without norms, get FiLM alone. With several widths, convolutions and linear layers use their leading
    channels. `Dialed.sites` tells what was replaced.

    Args:
        model: a classifier from images in [0, 1] to logits.
        dials: what the dial offers; `Dials()` by default.
        sites: which of its layers to replace; by default `norms`, or `convolutions` where there are no norms.
        film: which of the sites get FiLM; the others only choose their statistics.
        slim: which convolutions and linear layers give fewer channels at narrow widths; never the classifier.
        example: some images `[B, C, H, W]`, needed for widths: the network is tried once at each.

    Raises:
        ValueError: no site is found, a site keeps no running statistics, or the network cannot run at a width; the
            layer is named.
        TypeError: a site has no affine weights that could follow the dial, or the model is dialed already.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10))
    >>> model = dial(net, Dials(widths=(0.5, 1.0)), example=torch.rand(2, 3, 8, 8))
    >>> model.bake(0.4, width=0.5)[1].num_features
    4
    """
    if any(isinstance(module, DialNorm | Modulated) for module in model.modules()):
        raise TypeError("This model has a dial already. Give dial() the plain network, for example model.bake(lam).")
    dials, shared, body = dials or Dials(), Dial(), copy.deepcopy(model)
    chosen = _chosen(body, sites)
    if dials.widths != (1.0,):
        if example is None:
            raise ValueError("A network of several widths is tried at each. Give dial() some images: example=x.")
        slimmed(body, shared, dials.widths, slim, example)
    replaced: dict[nn.Module, nn.Module] = {}  # a layer used in two places stays one layer
    found = []
    for name, plain in chosen.items():
        now = body.get_submodule(name)
        if now not in replaced:
            replaced[now], site = _site(name, plain, now, shared, dials, film(name, plain))
            found.append(site)
        body.set_submodule(name, replaced[now])
    for name, now in list(body.named_modules(remove_duplicate=False)):
        if isinstance(now, Gauge):  # a norm that does not follow the dial still has statistics of its own at each width
            replaced.setdefault(now, PerWidth(_cut(now.norm, _channels(now, len(dials.widths))), shared))
            body.set_submodule(name, replaced[now])
    return Dialed(body, shared, dials, tuple(found))


def _chosen(body: nn.Module, sites: Sites | None) -> dict[str, nn.Module]:
    if sites is None:
        sites = norms if any(isinstance(module, NORMS) for module in body.modules()) else convolutions
    chosen = {name: module for name, module in body.named_modules(remove_duplicate=False) if sites(name, module)}
    for name, module in chosen.items():
        _check_site(name, module)
    if not chosen:
        raise ValueError(
            f"{type(body).__name__} has no norm and no convolution that could follow the dial. "
            "Name the layers with sites=..."
        )
    return chosen


def _site(
    name: str, plain: nn.Module, now: nn.Module, shared: Dial, dials: Dials, followed: bool
) -> tuple[nn.Module, Site]:
    """What stands in the place of the layer `plain`, which has become `now` if the network has several widths."""
    channels = _channels(now, len(dials.widths))
    conditioner = dials.conditioner if followed else NoFiLM()
    film = conditioner.build(dials.encoding.table(dials.lambdas).shape[1], channels)
    size, statistics = sum(weight.numel() for weight in film.parameters()), 0
    placed: nn.Module
    if isinstance(plain, BATCH_NORMS):
        placed, statistics = DialNorm(plain, shared, film, channels, dials.dual), 1 + dials.dual
    else:
        after = unfused(plain)
        layer = now if isinstance(now, Slim) else PerWidth(_cut(plain, channels), shared)
        placed = Modulated(layer, shared, film, channel_dim(plain), after)
    return placed, Site(name, type(plain).__name__, channels, statistics, size)


def _channels(now: nn.Module, levels: int) -> tuple[int, ...]:
    """Channels that a layer gives at each width."""
    if isinstance(now, Gauge):
        return tuple(now.channels[level] for level in range(levels))
    if isinstance(now, Slim):
        return tuple(now.channels(level) for level in range(levels))
    known = ("num_features", "num_channels", "out_channels", "out_features")
    count = next((getattr(now, name) for name in known if hasattr(now, name)), None)
    return (int(now.normalized_shape[0] if count is None else count),)  # type: ignore[index, arg-type]


def _cut(plain: nn.Module, channels: tuple[int, ...]) -> list[nn.Module]:
    return [cut_norm(plain, c) for c in channels] if isinstance(plain, NORMS) else [plain]


def _check_site(name: str, module: nn.Module) -> None:
    if not isinstance(module, NORMS + WEIGHTED):
        raise TypeError(
            f"Layer {name!r} is a {type(module).__name__}; batch, layer and group norms, convolutions and linear "
            "layers can follow the dial. Leave it out of sites."
        )
    if isinstance(module, BATCH_NORMS) and module.running_mean is None:
        raise ValueError(f"Layer {name!r} keeps no running statistics. Build it with track_running_stats=True.")
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) > 1:
        raise TypeError(
            f"Layer {name!r} normalises over {tuple(module.normalized_shape)} at once: it has no affine weights per "
            "channel. Leave it out of sites."
        )
