"""pt2: a program of torch.export."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from robustdial.ship.export.base import any_batch, example
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.text import literal
from robustdial.typing import Classifier


@dataclass(frozen=True)
class Program:
    """The network as a graph of PyTorch's own operations, with its weights: needs PyTorch alone to run, and gradients
    flow through it, so any attack library can be turned on it.

    `torch.export.load` may unpickle: open such files only from people you trust.
    """

    tolerance: float | None = 1e-4

    @property
    def file(self) -> str:
        return "model.pt2"

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        buffer = io.BytesIO()  # saved by name, it would have to end in .pt2
        program = torch.export.export(plain, example(images), dynamic_shapes=any_batch())
        torch.export.save(program, buffer, extra_files=facts.header())
        path.write_bytes(buffer.getvalue())

    def open(self, path: Path) -> Classifier:
        module: nn.Module = torch.export.load(io.BytesIO(path.read_bytes())).module()
        return module

    def lines(self, file: str, facts: Facts) -> str:
        return f"""\
import torch

net = torch.export.load({literal(file)}).module()  # it may unpickle: only what you trust
logits = net(images)"""
