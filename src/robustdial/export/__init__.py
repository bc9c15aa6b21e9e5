"""A plain network as a file: safetensors, torch.export or ONNX, read back and compared before it is kept."""

from robustdial.export.base import Format
from robustdial.export.card import card
from robustdial.export.facts import Facts
from robustdial.export.graph import Onnx
from robustdial.export.parity import Parity, compare, write_checked
from robustdial.export.program import Program
from robustdial.export.weights import Safetensors

__all__ = [
    "FORMATS",
    "Facts",
    "Format",
    "Onnx",
    "Parity",
    "Program",
    "Safetensors",
    "card",
    "compare",
    "write_checked",
]

FORMATS: dict[str, Format] = {"safetensors": Safetensors(), "pt2": Program(), "onnx": Onnx()}
"""The formats by the names they have on the command line."""
