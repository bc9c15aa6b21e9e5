"""A run that is ready to train, measure or serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.data import Data, Feed
from robustdial.dial import kind_of
from robustdial.distributed import World, whole
from robustdial.method import Method
from robustdial.precision import Prepared
from robustdial.run.calibration import calibration
from robustdial.run.settings import Run
from robustdial.training.checkpoint import pack, unpack
from robustdial.training.engine import Recovery, TrainState, check_finite
from robustdial.typing import Json


@dataclass
class Experiment:
    """A run that is ready to train, measure or serve.

    Attributes:
        folder: where its files are.
        about: `run.json`.
        run, method, data, state: its parts.
        best: score and epoch of the best network so far.
        troubles: what went wrong so far, as in `troubles.jsonl`.
        checkpoint: which network `state` holds when it was opened for measuring, best or last; or `record.GIVEN`.
        weights: digest of the weights before they were divided among processes; None of whole ones.
        hold: that no other process trains in the folder meanwhile; None of a run that is only measured.
    """

    folder: Path
    about: dict[str, Json]
    run: Run
    method: Method
    data: Data
    state: TrainState
    best: dict[str, Json]
    troubles: list[dict[str, Json]] = field(default_factory=list)
    checkpoint: str = "last"
    weights: str | None = None
    hold: record.Hold | None = None

    @property
    def finished(self) -> bool:
        """Whether every epoch has been trained."""
        return self.state.epoch >= self.run.epochs

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return len(self.feed.order(self.run.batch, 0, 0))

    @property
    def feed(self) -> Feed:
        """What its epochs go through."""
        return Feed(self.data, self.method.unlabelled, self.world, self.state.mixing)

    @property
    def world(self) -> World:
        """The processes that train it."""
        return self.state.world

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.state.device

    def at(
        self,
        lam: float | None,
        width: float = 1.0,
        *,
        precision: Literal["float32", "bfloat16"] = "float32",
        model: nn.Module | None = None,
    ) -> nn.Module:
        """The network at one position (lambda None where there is no dial), in evaluation mode; by default the one to
        serve.

        Of a dial that was trained with several widths, another one is cut out of the next wider one, its statistics
        measured on training images (`recalibrated`). Raises ValueError off the dial.
        """
        model = model or self.state.served
        model.eval()
        return Prepared(kind_of(model).at(model, lam, width, self._images), precision)

    def baked(self, lam: float | None, width: float = 1.0, *, model: nn.Module | None = None) -> nn.Module:
        """A copy for one position, by default of the network to serve: plain, of its original class, in evaluation
        mode."""
        model = model or self.state.served
        model.eval()
        return kind_of(model).bake(model, lam, width, self._images)

    def _images(self) -> list[Tensor]:
        return calibration(self.data, device=self.device)

    def create(self) -> None:
        """Make the folder with its `run.json`, and hold it against other trainers."""
        self.hold = record.create(self.folder, record.RUN, self.about)

    def save(self, name: str = record.LAST) -> None:
        """Write the whole state; the checkpoint before it is intact until this one is complete.

        Of several processes all must call it. Raises FloatingPointError, and writes nothing, if the loss has ceased to
        be finite.
        """
        check_finite(self.state)
        tensors, about = pack(self.state)
        known = {"best": self.best, "troubles": len(self.troubles)}
        self.world.once(lambda: record.write_tensors(self.folder / name, tensors, about | known))

    def go_back(self, recovery: Recovery) -> None:
        """Return to the last healthy state and forget the epochs since, to go on with `recovery`.

        The best network is kept. The checkpoint is written first: a run that is killed meanwhile resumes on one side
        or on the other.
        """
        unpack(self.state, *record.read_tensors(self.folder / record.HEALTHY))
        self.state.recovery = recovery
        self.save()
        self.world.once(lambda: record.keep_epochs(self.folder, self.state.epoch))

    def note(self, trouble: dict[str, Json]) -> None:
        """Add to `troubles.jsonl`.

        The line comes before what is done about it: the checkpoint written then counts the lines, and a resumed run
        drops those that no checkpoint knows of, as it will write them again (`known_troubles`).
        """
        if trouble in self.troubles[-1:]:  # a resumed run has met the same end
            return
        self.troubles.append(trouble)
        self.world.once(lambda: record.append_line(self.folder / record.TROUBLES, trouble))

    def save_best(self, score: float, val: list[dict[str, Json]]) -> None:
        """Keep the network if no score on the validation part was better; of equals, the later one."""
        if score < self.best.get("score", 0.0):
            return
        self.best = {"score": score, "epoch": self.state.epoch, "val": val}
        weights = {f"model.{name}": whole(value) for name, value in self.state.served.state_dict().items()}
        self.world.once(lambda: record.write_tensors(self.folder / record.BEST, weights, self.best))
