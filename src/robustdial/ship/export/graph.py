"""ONNX: a graph for ONNX Runtime and many other machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robustdial.ship.export.base import IMAGES, LOGITS, any_batch, example, need
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.text import literal
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Onnx:
    """The network as an ONNX graph with its weights, opset as PyTorch chooses it; batch norms are folded into the
    convolutions before them. Needs the extra `export`; running it needs ONNX Runtime alone.
    """

    tolerance: float | None = 1e-4

    @property
    def file(self) -> str:
        return "model.onnx"

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        path.write_bytes(proto(plain, images, facts).SerializeToString())

    def open(self, path: Path) -> Classifier:
        return session(path)

    def lines(self, file: str, facts: Facts) -> str:
        return f"""\
import onnxruntime

session = onnxruntime.InferenceSession({literal(file)}, providers=["CPUExecutionProvider"])
(logits,) = session.run(None, {{"{IMAGES}": images.numpy()}})"""


def proto(plain: nn.Module, images: Tensor, facts: Facts) -> Any:
    """The network as an `onnx.ModelProto` with the facts as metadata."""
    for module in ("onnxscript", "onnxruntime"):
        need(module)
    program = torch.onnx.export(
        plain,
        example(images),
        dynamo=True,
        dynamic_shapes=any_batch(),
        input_names=[IMAGES],
        output_names=[LOGITS],
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    need("onnx.helper").set_model_props(model, facts.header())
    return model


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """What ONNX Runtime computes on the CPU, with as many threads as PyTorch uses; no gradient flows through it."""
    onnxruntime = need("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    running = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def f(x: Tensor) -> Tensor:
        (logits,) = running.run([LOGITS], {IMAGES: x.detach().cpu().numpy()})
        return torch.from_numpy(logits).to(x.device)

    return f
