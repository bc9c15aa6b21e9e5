"""A plain network as a file: safetensors, torch.export or ONNX, read back and compared before it is kept."""

from robustdial.ship.export.base import Format, need
from robustdial.ship.export.card import card, public, public_name, threat_in_words
from robustdial.ship.export.dial_card import dial_card
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.feeding import PREPROCESS, feeding, module
from robustdial.ship.export.graph import Onnx
from robustdial.ship.export.int8 import OnnxInt8
from robustdial.ship.export.parity import Parity, compare, write_checked
from robustdial.ship.export.program import Program
from robustdial.ship.export.robustbench import MODEL_INFO, RobustBench, model_info
from robustdial.ship.export.speed import speedup
from robustdial.ship.export.weights import Safetensors

__all__ = [
    "FORMATS",
    "MODEL_INFO",
    "PREPROCESS",
    "Facts",
    "Format",
    "Onnx",
    "OnnxInt8",
    "Parity",
    "Program",
    "RobustBench",
    "Safetensors",
    "card",
    "compare",
    "dial_card",
    "feeding",
    "model_info",
    "module",
    "need",
    "public",
    "public_name",
    "speedup",
    "threat_in_words",
    "write_checked",
]

FORMATS: dict[str, Format] = {
    "safetensors": Safetensors(),
    "pt2": Program(),
    "onnx": Onnx(),
    "onnx-int8": OnnxInt8(),
    "robustbench": RobustBench(),
}
"""The formats by the names they have on the command line."""
