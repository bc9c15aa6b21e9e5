"""Making a network slimmable: its weighted layers follow the width, and it is tried at every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from robustdial.dial.kinds import NORMS, WEIGHTED, channel_dim
from robustdial.dial.narrow import cut_norm, leading
from robustdial.dial.probe import Failure, Gauge, heads, ordinary, run, where
from robustdial.dial.setting import Dial, Setting
from robustdial.dial.slim import Slim, SlimConv2d, SlimLinear
from robustdial.logits import logits_of


class CannotNarrow(ValueError):
    """A network cannot have fewer channels.

    Attributes:
        fact: why, without the remedy, which is another one on the command line.
    """

    def __init__(self, fact: str) -> None:
        super().__init__(
            f"{fact} Train it with widths=(1.0,), or name with slim=... the layers whose output may be cut."
        )
        self.fact = fact


def slimmed(
    body: nn.Module, dial: Dial, widths: tuple[float, ...], slim: Callable[[str, nn.Module], bool], example: Tensor
) -> None:
    """Replace, in place, weighted layers by slimmable ones and norms by gauges, and run the network at every width.

    Raises ValueError that names the layer which cannot be run at a width.
    """
    _replace(body, dial, widths, slim, heads(body, example, WEIGHTED))
    logits = [_tried(body, dial, level, width, example) for level, width in enumerate(widths)]
    if len({out.shape for out in logits}) > 1:
        raise _refusal(body, "", widths[0], f"its logits become {list(logits[0].shape)}")
    _check_norms(body, widths)


def _replace(
    body: nn.Module,
    dial: Dial,
    widths: tuple[float, ...],
    slim: Callable[[str, nn.Module], bool],
    classifiers: set[nn.Module],
) -> None:
    whole = len(widths) * (1.0,)
    replaced: dict[nn.Module, nn.Module] = {}  # a layer used in two places stays one layer
    narrow = 0
    for name, module in list(body.named_modules(remove_duplicate=False)):
        if isinstance(module, NORMS):
            replaced.setdefault(module, Gauge(module, dial, channel_dim(module)))
        elif isinstance(module, WEIGHTED):
            cuts = module not in classifiers and slim(name, module)
            narrow += cuts
            if ordinary(module):
                replaced.setdefault(module, _slim(module, dial, widths if cuts else whole))
            elif cuts:
                raise _refusal(body, name, widths[0], "it is no ordinary convolution or linear layer")
        if module in replaced:
            body.set_submodule(name, replaced[module])
    if not narrow:
        raise CannotNarrow("No layer gives fewer channels at narrow widths, so every width would be the same network.")


def _check_norms(body: nn.Module, widths: tuple[float, ...]) -> None:
    for name, module in body.named_modules():
        if not isinstance(module, Gauge):
            continue
        if not module.channels:
            raise ValueError(
                f"Layer {name!r} took no part when the network was tried, so its channels at width {widths[0]:g} are "
                "not known. Build the network without it (auxiliary classifiers: aux_logits=False)."
            )
        for level, channels in module.channels.items():
            try:
                cut_norm(module.norm, channels)
            except ValueError as error:
                raise _refusal(body, name, widths[level], str(error)) from error


def _slim(layer: nn.Module, dial: Dial, widths: tuple[float, ...]) -> Slim:
    if isinstance(layer, nn.Linear):
        return SlimLinear(layer, dial, [leading(width, layer.out_features) for width in widths])
    conv = cast(nn.Conv2d, layer)
    return SlimConv2d(conv, dial, [leading(width, conv.out_channels) for width in widths])


def _tried(body: nn.Module, dial: Dial, level: int, width: float, example: Tensor) -> Tensor:
    nothing = example.new_zeros(1)
    hooks = [
        module.register_forward_pre_hook(lambda layer, given: _note_inputs(layer, level, given[0]))
        for module in body.modules()
        if isinstance(module, Slim)
    ]
    dial.turn(Setting(nothing[None], nothing, nothing.long(), nothing, 0, level))
    try:
        return logits_of(run(body, example))
    except Failure as failure:
        raise _refusal(body, failure.name, width, failure.why) from failure.__cause__
    finally:
        dial.turn(None)
        for hook in hooks:
            hook.remove()


def _note_inputs(layer: nn.Module, level: int, x: Tensor) -> None:
    assert isinstance(layer, Slim)
    layer.ins[level] = x.shape[channel_dim(layer.layer)]


def _refusal(body: nn.Module, name: str, width: float, why: str) -> CannotNarrow:
    layer = body.get_submodule(name)
    known = layer.layer if isinstance(layer, Slim) else layer.norm if isinstance(layer, Gauge) else layer
    return CannotNarrow(
        f"This network cannot run at width {width:g}: {where(name, known)} does not take fewer channels ({why})."
    )
