"""ONNX with weights and activations of eight bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from robustdial.ship.export.base import IMAGES, need
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.graph import Onnx, proto
from robustdial.typing import Classifier


@dataclass(frozen=True)
class OnnxInt8:
    """Static quantization of `Onnx` by ONNX Runtime: a quarter of the size, often faster.

    Static, because convolutions do the work here: dynamic quantization measures the range of every activation at every
    call and gains on large linear layers alone. The ranges are the extremes on the images given to `write`. Weights
    have a scale per channel and use seven of their eight bits: with all eight, sums overflow on x86 processors without
    VNNI instructions, and the accuracy would depend on the processor. Logits stay float32, and so does a batch norm
    that no convolution before it can take in (in pre-activation networks).

    The rounding makes it another network: it is not held against a tolerance but must be measured on its own, and it
    gives no useful gradient to attack it by.
    """

    tolerance: float | None = None

    @property
    def file(self) -> str:
        return "model.int8.onnx"

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        onnx, quantization = need("onnx"), need("onnxruntime.quantization")
        with TemporaryDirectory() as folder:
            whole, prepared, small = (Path(folder) / name for name in ("whole", "prepared", "small"))
            whole.write_bytes(proto(plain, images, facts).SerializeToString())
            quantization.quant_pre_process(whole, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                small,
                _Reader(iter(torch.split(images, 32))),
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                nodes_to_exclude=[node.name for node in _nodes(prepared) if node.op_type == "BatchNormalization"],
                extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
            )
            model = onnx.load(small)
        onnx.helper.set_model_props(model, facts.header())
        path.write_bytes(model.SerializeToString())

    def open(self, path: Path) -> Classifier:
        return Onnx().open(path)

    def lines(self, file: str, facts: Facts) -> str:
        return Onnx().lines(file, facts)


def _nodes(path: Path) -> Any:
    return need("onnx").load(path).graph.node


@dataclass(frozen=True)
class _Reader:
    """Batches as ONNX Runtime asks for them."""

    batches: Iterator[Tensor]

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self.batches, None)
        return None if batch is None else {IMAGES: batch.numpy()}
