"""A network that this library did not train: a function that builds it, and its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.bounds import JustInside, cut_at_bounds
from robustdial.data import Data, Part, Source, unit
from robustdial.folding import alike, folded
from robustdial.logits import logits_of
from robustdial.method.threat import Threat
from robustdial.own_code import told
from robustdial.precision import Prepared
from robustdial.study.evaluation.target import Subject
from robustdial.study.evaluation.trial import try_out

_FEW = 8  # images on which the quick form of a network is tried
_CLAMPS = (
    "The network clamps its images, which cuts the gradient off at 0 and at 1: such pixels are asked for a millionth "
    "inside."
)


def foreign(
    model: nn.Module,
    name: str,
    data: Data,
    source: Source,
    threat: Threat,
    folder: Path,
    *,
    part: Part = "test",
    chosen_on: Part | Literal["none"] | None = None,
    batch: int = 64,
) -> Subject:
    """A network of any origin, as it is evaluated on `source`, the images of `data` to use.

    What is attacked is a copy with its batch norms folded, which answers the same to rounding; where it does not, the
    network itself. One that clamps its images is asked `JustInside` of [0, 1].

    Args:
        model: images in [0, 1] to logits; it is put into evaluation mode, and tried on a few images.
        name: of it in reports.
        data: its classes, name and notes.
        source: the images.
        threat: where the adversary may move.
        folder: where the results go.
        part: of the data that `source` is from.
        chosen_on: the part that decided which checkpoint this is; "none" for the last of a training, None if not known.
        batch: images that will be attacked at once.

    Raises as `try_out`.
    """
    model = _in_evaluation(model)
    try_out(model, source, batch)
    x = unit(next(source.batches([torch.arange(min(_FEW, len(source)))]))[0])
    about = {
        "model": name,
        "weights": record.fingerprint(_tensors_of(model)),
        "dataset": data.name,
        "part": part,
        "lam": None,
        "width": 1.0,
        "trained": True,
        "chosen_on": chosen_on,
    }
    quick, notes = _quick(model, x), data.notes
    if cut_at_bounds(quick, x):
        quick, notes = JustInside(quick), (*notes, _CLAMPS)
    return Subject(quick, source, threat, data.classes, folder, about, notes)


class Program(nn.Module):
    """A program of torch.export, which has one mode, and refuses to be put into another.

    Args:
        program: what `torch.export.load(...).module()` gives.
    """

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program
        for module in self.modules():
            module.training = False

    def train(self, mode: bool = True) -> Program:
        """Nothing: it was exported in the mode that it has."""
        return self

    def forward(self, x: Tensor) -> object:
        """What the program returns."""
        return self.program(x)


def _quick(model: nn.Module, x: Tensor) -> nn.Module:
    """The network as a run's is attacked: a copy, its batch norms folded and laid out for the hardware.

    The network itself where its copy does not answer the same images `x` `[B, C, H, W]` alike, to rounding, logits and
    gradients, or cannot be made.
    """
    if any(weight.dtype != torch.float32 for weight in model.parameters()):
        return model
    try:
        copy = Prepared(folded(model), "float32").eval()
        # a copy of TorchScript is a graph over the weights of the original
        whole = all(weight.is_leaf for weight in copy.parameters())
        return copy if whole and alike(lambda images: logits_of(model(images)), copy, x) else model
    except Exception:  # whatever somebody's code makes of being copied, or of an image that wants a gradient
        return model


def _in_evaluation(model: nn.Module) -> nn.Module:
    # what eval() returns is not used: some networks return nothing
    with told("The network cannot be put into evaluation mode"):
        try:
            model.eval()
        except NotImplementedError:
            return Program(model)
    return model


def _tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Its state without what is no tensor, as `get_extra_state` may give."""
    with told("The weights of the network cannot be read"):
        return {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
