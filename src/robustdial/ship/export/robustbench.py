"""robustbench: a Python module that builds the network, for the benchmark of that name."""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from robustdial.report.words import number
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.program import Program
from robustdial.ship.export.text import literal
from robustdial.typing import Classifier, Json

MODEL_INFO = "robustbench.json"
_PROGRAM = "robustbench_model.pt2"


@dataclass(frozen=True)
class RobustBench:
    """A module `robustbench_model` whose `build()` gives a `torch.nn.Module` from images in [0, 1] to logits, and the
    program that it loads, `robustbench_model.pt2`, beside it. Both need PyTorch alone.

    Other than a bare program it takes `.eval()` and `.train()`, as benchmarks and attack libraries call them, and is in
    evaluation mode always. `torch.export.load` may unpickle: open such files only from people you trust.
    Source: Croce et al., RobustBench: a standardized adversarial robustness benchmark, NeurIPS 2021; its `benchmark`
    takes such a module.
    """

    tolerance: float | None = 1e-4

    @property
    def file(self) -> str:
        return "robustbench_model.py"

    def write(self, plain: nn.Module, images: Tensor, facts: Facts, path: Path) -> None:
        Program().write(plain, images, facts, path.with_name(_PROGRAM))
        path.write_text(_MODULE.format(program=_PROGRAM), encoding="utf-8")

    def open(self, path: Path) -> Classifier:
        network: nn.Module = runpy.run_path(str(path))["build"]()
        return network

    def lines(self, file: str, facts: Facts) -> str:
        return f"""\
import sys

sys.path.insert(0, {literal(Path(file).parent.as_posix())})  # the folder of {self.file} and {_PROGRAM}
from robustbench_model import build

net = build()  # it may unpickle: only what you trust
logits = net(images)"""


def model_info(about: Json) -> dict[str, Json]:
    """What RobustBench keeps of a model, in its words, as far as it is known here; null where you must fill it in.

    `reported` is the accuracy under the attack that was measured, on as many images as were measured; `autoattack_acc`
    stands only where that was AutoAttack on the whole test set. `unreliable` is yours to judge: here nothing looks for
    what the checks of `robustdial evaluate` look for.

    Args:
        about: what `card.json` holds.
    """
    network, run, point = about["network"], about["run"], about["measured"]
    whole = point["attack"] == "autoattack" and point["n"] == run["test"]
    at = "" if network["lam"] is None else f" at lambda {network['lam']:g}"
    width = "" if network["width"] == 1 else f", width {network['width']:g}"
    return {
        "link": None,
        "name": f"{run['recipe']}{at} (robustdial)",
        "authors": None,
        "additional_data": run["additional_data"],
        "number_forward_passes": network.get("forwards", 1),
        "dataset": run["data"],
        "venue": "Unpublished",
        "architecture": network["model"] + width,
        "eps": number(point["eps"]),
        "clean_acc": _percent(point["clean"]),
        "reported": _percent(point["robust"]),
        "autoattack_acc": _percent(point["robust"]) if whole else None,
        "unreliable": None,
    }


def _percent(share: float) -> str:
    """
    >>> _percent(0.583)
    '58.30'
    """
    return f"{100 * share:.2f}"


_MODULE = '''\
"""An image classifier as RobustBench takes it: float32 images in [0, 1] to logits. Needs PyTorch alone."""

from pathlib import Path

import torch


class Network(torch.nn.Module):
    """A program of torch.export; it is in evaluation mode and knows no other."""

    def __init__(self, program):
        super().__init__()
        self.program = program
        for module in self.modules():
            module.training = False

    def train(self, mode=True):
        return self

    def forward(self, x):
        return self.program(x)


def build():
    """The network, on the CPU. Loading may unpickle: only what you trust."""
    return Network(torch.export.load(Path(__file__).with_name("{program}")).module())
'''
