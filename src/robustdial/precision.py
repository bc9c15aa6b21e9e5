"""How a network is called: number format, memory layout, compiled or not. Never what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robustdial.checks import a, one_of
from robustdial.folding import Folding
from robustdial.logits import logits_of

Precision = Literal["auto", "float32", "bfloat16"]


def resolve(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """What `auto` stands for on this device: bfloat16 where the hardware multiplies it natively, float32 elsewhere."""
    if precision != "auto":
        return precision
    native = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bfloat16()
    return "bfloat16" if native else "float32"


class Prepared(nn.Module):
    """A network as it is called in a run; its logits are float32.

    Args:
        model: the network or its dialed wrapper. It is laid out channels last, and its weights stay float32.
        precision: format of the convolutions; statistics, losses and weights are float32 in both.
        compiled: run through torch.compile. The wrapper is compiled, so that turning the dial recompiles nothing, and a
            folded network, whose weights are other ones at every batch, has a graph of its own.
    """

    def __init__(self, model: nn.Module, precision: Literal["float32", "bfloat16"], compiled: bool = False) -> None:
        a("model", model, nn.Module, "a network, a torch.nn.Module")
        one_of("precision", precision, ("float32", "bfloat16"))
        super().__init__()
        self.training = model.training
        divided = any(hasattr(module, "unshard") for module in model.modules())  # such weights stay as they lie
        last = not divided and _takes_channels_last(model)
        self.layout = torch.channels_last if last else torch.contiguous_format
        if not divided:
            model.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.model = model
        self.compiled = torch.compile(model, **graphs_allowed(model)) if compiled else None
        self.lower = precision == "bfloat16"
        self.folding: Folding | None = None

    def forward(self, x: Tensor, *setting: Any) -> Tensor:
        """Logits `[B, K]` of images `[B, C, H, W]`, and of the dial's setting where there is one."""
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.lower):
            network = self.model if self.compiled is None else self.compiled
            logits = logits_of(network(x.contiguous(memory_format=self.layout), *setting))
        return logits.float()

    @contextmanager
    def standing(self, x: Tensor) -> Iterator[None]:
        """Inside, the network is called in a cheaper form; it is in evaluation mode, and its weights stand still.

        At the first time that form is tried on the images `x` `[B, C, H, W]`: only what gives the same is used.
        """
        if self.folding is None:
            images = x.contiguous(memory_format=self.layout)
            self.folding = Folding.tried(self.model, lambda asked: logits_of(self.model(asked)), images)
        with self.folding.applied():
            yield


class Confirmed(nn.Module):
    """A network for attacks to search on: asked in bfloat16, and its answers are float32's.

    bfloat16 shows the way, by losses and gradients. Where the two largest logits are nearer than it may err, the row is
    asked again, and its logits are float32's. How far it errs is measured, and doubled. Should it err further, a search
    may miss what it has found or end too soon; verdicts are those of `network` itself.

    Args:
        network: images `[B, C, H, W]` to logits in float32.
        x: images from the set that is attacked, on which the errors are measured.

    >>> f = Confirmed(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval(), torch.rand(8, 1, 2, 2))
    >>> f(torch.rand(5, 1, 2, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.training = network.training
        self.exact = network
        inside = network.model if isinstance(network, Prepared) else network
        self.quick = Prepared(inside, "bfloat16")
        with torch.no_grad():
            error = self.quick(x.clone()) - logits_of(network(x.clone()))
            self.near = 2 * float((error.amax(1) - error.amin(1)).max())

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]`; their gradient is that of bfloat16 in every row."""
        logits: Tensor = self.quick(x.clone())  # a network may write into its images
        with torch.no_grad():
            first, second = logits.topk(2).values.unbind(1)
            rows = (first - second <= self.near).nonzero().squeeze(1)
            if not len(rows):
                return logits
            missing = logits_of(self.exact(x[rows])).to(logits) - logits[rows]
        return logits.index_add(0, rows, missing)


@contextmanager
def full_precision() -> Iterator[None]:
    """Inside, float32 means float32: CUDA does not shorten it to TF32 in convolutions or matrix products."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products


def _takes_channels_last(model: nn.Module) -> bool:
    if any(weight.is_cuda for weight in model.parameters()):
        return True
    convolutions: Any = (module for module in model.modules() if hasattr(module, "kernel_size"))
    return not any(unsafe_last(c.kernel_size, c.stride, getattr(c, "in_channels", 8)) for c in convolutions)


def unsafe_last(kernel: tuple[int, ...], stride: tuple[int, ...], channels: int) -> bool:
    """Whether a convolution of so many channels, channels last, may not be run on the CPU.

    The backward of a strided 1x1 convolution of fewer than 8 writes outside its memory there (seen in torch 2.15).
    """
    return kernel == (1, 1) and stride != (1, 1) and channels < 8


def graphs_allowed(model: nn.Module) -> dict[str, Any]:
    """torch.compile's argument for how many graphs it may make.

    A dialed network needs three for each width: all rows learn, attacked rows learn, and are attacked.
    """
    widths = len(getattr(getattr(model, "dials", None), "widths", (1.0,)))
    # older torch has no such argument; its limit of 8 leaves the ninth graph, of three widths, uncompiled
    return {"recompile_limit": max(8, 3 * widths)} if "recompile_limit" in signature(torch.compile).parameters else {}


def _cpu_has_bfloat16() -> bool:
    # torch has no public question for this; on other systems than Linux, float32 is always right
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
