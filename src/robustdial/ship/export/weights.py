"""safetensors: the weights alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from robustdial.models import build, known
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.text import literal
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Safetensors:
    """Weights under the keys of the original class, and the facts as metadata. Opening it runs no code of the file.

    Weights are not a network: somebody has to supply its class. For a network of timm the lines need timm and nothing
    else; for one of `robustdial.models` they need that module, which is plain PyTorch and knows nothing of dials; for
    one of the user's, his file. A program could be put beside the weights, but it would hold the weights once more: who
    wants no code of this library takes `Program` or `Onnx`, who wants to train on or to look inside takes this.

    Args:
        fresh: the network of these facts, with any weights; by default from its name.
    """

    tolerance: float | None = 1e-4
    fresh: Callable[[Facts], nn.Module] | None = None

    @property
    def file(self) -> str:
        return "model.safetensors"

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        """As `Format.write`. Raises ValueError if the network cannot be built again from its name."""
        weights = plain.state_dict()
        _fill(self._empty(facts), weights, facts)
        alone = {key: value.detach().contiguous().clone() for key, value in weights.items()}
        path.write_bytes(save(alone, {"format": "pt", **facts.header()}))

    def open(self, path: Path) -> Classifier:
        with safe_open(path, framework="pt") as file:
            facts = Facts.of(file.metadata() or {})
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        net = _fill(self._empty(facts), weights, facts)
        net.eval()
        return net

    def _empty(self, facts: Facts) -> nn.Module:
        with torch.random.fork_rng([]):  # weights that are overwritten must not cost the caller his random numbers
            return (self.fresh or _by_name)(facts)

    def lines(self, file: str, facts: Facts) -> str:
        kind, _, name = facts.model.partition(":")
        if facts.call:
            builder, module = facts.call.partition("(")[0], kind.removesuffix(".py")
            return _YOURS.format(file=literal(file), name=builder, module=module, call=facts.call)
        if kind == "timm":
            return _TIMM.format(
                file=literal(file), name=literal(name), classes=len(facts.classes), channels=facts.shape[0]
            )
        listed = "".join(f"    {key}={value},\n" for key, value in _settings(facts).items())
        return _OURS.format(file=literal(file), name=facts.model, settings=listed)


_TIMM = """\
import timm
from safetensors.torch import load_file

weights = load_file({file})
net = timm.create_model({name}, num_classes={classes}, in_chans={channels})
net.eval()
net.load_state_dict({{key[4:]: value for key, value in weights.items() if key.startswith("net.")}})
logits = net((images - weights["normalize.mean"]) / weights["normalize.std"])"""

_YOURS = """\
from {module} import {name}  # of your {module}.py
from safetensors.torch import load_file

net = {call}
net.eval()
net.load_state_dict(load_file({file}))
logits = net(images)"""

_OURS = """\
from safetensors.torch import load_file
from robustdial.models import build

net = build(
    "{name}",
{settings})
net.eval()
net.load_state_dict(load_file({file}))
logits = net(images)"""


def _by_name(facts: Facts) -> nn.Module:
    if not known(facts.model):
        raise ValueError(
            f"{facts.model} cannot be built again from its name, so weights alone are of no use. Choose "
            "--format pt2 or onnx, which hold the network too."
        )
    return build(facts.model, **_settings(facts))


def _settings(facts: Facts) -> dict[str, Any]:
    """What `build` is told besides the name."""
    told = {"classes": len(facts.classes), "shape": facts.shape, "width": facts.stage}
    return told | {"mean": facts.mean, "std": facts.std}


def _fill(net: nn.Module, weights: dict[str, Tensor], facts: Facts) -> nn.Module:
    try:
        net.load_state_dict(weights)
    except RuntimeError:
        raise ValueError(
            f"{facts.model} at width {facts.width:g} cannot be built again from its name, so weights alone are of no "
            "use. Choose --format pt2 or onnx, which hold the network too."
        ) from None
    return net
