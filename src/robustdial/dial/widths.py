"""Making a network slimmable: its weighted layers follow the width, and it is tried at every one."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from robustdial.dial.kinds import NORMS, WEIGHTED, channel_dim
from robustdial.dial.narrow import leading
from robustdial.dial.probe import Gauge, last_called, refusal, tried
from robustdial.dial.setting import Dial, Setting
from robustdial.dial.slim import Slim, SlimConv2d, SlimLinear


def slimmed(
    body: nn.Module, dial: Dial, widths: tuple[float, ...], slim: Callable[[str, nn.Module], bool], example: Tensor
) -> None:
    """Replace, in place, weighted layers by slimmable ones and norms by gauges, and run the network at every width.

    Raises ValueError that names the layer which cannot be run at a width.
    """
    parameter = next(body.parameters(), example)
    example = example.to(parameter.device, parameter.dtype)
    head, whole = last_called(body, example, WEIGHTED), len(widths) * (1.0,)
    replaced: dict[nn.Module, nn.Module] = {}  # a layer used in two places stays one layer
    for name, module in list(body.named_modules(remove_duplicate=False)):
        if isinstance(module, NORMS):
            replaced.setdefault(module, Gauge(module, dial, channel_dim(module)))
        elif isinstance(module, WEIGHTED):
            cuts = module is not head and slim(name, module)
            replaced.setdefault(module, _slim(body, name, module, dial, widths if cuts else whole))
        if module in replaced:
            body.set_submodule(name, replaced[module])
    logits = [_tried(body, dial, level, width, example) for level, width in enumerate(widths)]
    if len({out.shape for out in logits}) > 1:
        raise ValueError(refusal(body, "", widths[0], f"its logits become {list(logits[0].shape)}"))


def _slim(body: nn.Module, name: str, layer: nn.Module, dial: Dial, widths: tuple[float, ...]) -> Slim:
    if type(layer).forward is nn.Linear.forward:
        assert isinstance(layer, nn.Linear)
        return SlimLinear(layer, dial, [leading(width, layer.out_features) for width in widths])
    if type(layer).forward is nn.Conv2d.forward and layer.padding_mode == "zeros":
        assert isinstance(layer, nn.Conv2d)
        return SlimConv2d(layer, dial, [leading(width, layer.out_channels) for width in widths])
    raise ValueError(refusal(body, name, widths[0], "it is no ordinary convolution or linear layer"))


def _tried(body: nn.Module, dial: Dial, level: int, width: float, example: Tensor) -> Tensor:
    nothing = example.new_zeros(1)
    hooks = [
        module.register_forward_pre_hook(lambda layer, given: _note_inputs(layer, level, given[0]))
        for module in body.modules()
        if isinstance(module, Slim)
    ]
    dial.turn(Setting(nothing[None], nothing, nothing.long(), nothing, 0, level))
    try:
        return tried(body, example, width)
    finally:
        dial.turn(None)
        for hook in hooks:
            hook.remove()


def _note_inputs(layer: nn.Module, level: int, x: Tensor) -> None:
    assert isinstance(layer, Slim)
    layer.ins[level] = x.shape[channel_dim(layer.layer)]
