"""The network is in evaluation mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import Evidence, Inapplicable


@dataclass(frozen=True)
class TrainingMode:
    """No layer of a network that is measured may be in training mode."""

    id: ClassVar[str] = "training-mode"
    title: ClassVar[str] = "Training mode"
    meaning: ClassVar[str] = (
        "Dropout draws at random and batch norm looks at the whole batch: what was measured is not the "
        "network that would be served."
    )
    remedy: ClassVar[str] = (
        "Call model.eval() before the evaluation. The other checks have looked at the network in evaluation mode."
    )

    def __call__(self, evidence: Evidence) -> Outcome:
        if not isinstance(evidence.f, nn.Module):
            raise Inapplicable("A function has no mode. What training mode would do to its answers is looked for.")
        layers = [layer for layer in evidence.f.modules() if not any(layer.children())]  # a wrapper's flag may be stale
        training = [type(layer).__name__ for layer in layers if layer.training]
        kinds = f" ({', '.join(sorted(set(training)))})" if training else ""
        return raised_if(bool(training), f"{len(training)} of {len(layers)} layers are in training mode{kinds}.")
