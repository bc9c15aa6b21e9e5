"""An evaluation that can be killed, continued and shared among processes.

What is known of each image is kept in `standing/` in the subject's folder, a file per shard, found again by a digest of
everything that the verdicts depend on. The evaluation is complete when every shard's file is, whoever wrote them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from robustdial import record
from robustdial.attack import Attack, answers
from robustdial.data import Source, unit
from robustdial.evaluate import Advance, Survivors, attacks_of, classes_of, run_cascade
from robustdial.method import describe
from robustdial.precision import full_precision
from robustdial.provenance import provenance
from robustdial.randomness import seeded
from robustdial.study.evaluation.target import Subject
from robustdial.typing import Json

_PAUSE = 5.0  # seconds between two writes
_FEW = 16  # images by which a set, and the answers by which a network, are told from others
_ALIKE = 1e-3  # of the largest logit: other machines round otherwise


@dataclass(frozen=True)
class Evaluation:
    """A subject under an attack.

    Args:
        subject: network, images, threat.
        attack: one attack, or a cascade.
        seed: of random starts.
        batch: images to attack at once.
        shard: (k, m): of every m images, the k-th is this process's.
    """

    subject: Subject
    attack: Attack
    seed: int = 0
    batch: int = 64
    shard: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        k, m = self.shard
        images = len(self.subject.source)
        if not 0 <= k < m <= images:
            raise ValueError(f"--shard {k}/{m}: of m parts of {images} images, name part 0 to m - 1.")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed} is negative. Give 0 or more.")
        if self.batch < 1:
            raise ValueError(f"--batch {self.batch}: attack at least one image at once.")

    @cached_property
    def stages(self) -> tuple[Attack, ...]:
        """The stages: the images as they are, then each attack. Raises ValueError for labels that have no logit."""
        classes, highest = classes_of(self.subject.f, self.subject.source), int(self.subject.source.labels.max())
        if highest >= classes:
            raise ValueError(
                f"The images have labels up to {highest}, and the network has {classes} logits, from 0 on."
            )
        return attacks_of(self.attack, classes)

    @cached_property
    def conditions(self) -> dict[str, Json]:
        """What the verdicts depend on."""
        return {
            **self.subject.about,
            "threat": describe(self.subject.threat),
            "attacks": [describe(attack) for attack in self.stages],
            "labels": record.fingerprint({"labels": self.subject.source.labels}),
            "images": record.fingerprint({"images": self._few[0]}),
            "n": len(self.subject.source),
            "seed": self.seed,
            "batch": self.batch,
            "shards": self.shard[1],
            "device": self.subject.device.type,
            "version": version("robustdial"),
        }

    @cached_property
    def key(self) -> str:
        """A digest of the conditions."""
        return hashlib.sha256(json.dumps(self.conditions, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def origin(self) -> dict[str, Json]:
        """Versions, machine, commit and command of the process that began it."""
        begun = self.known() is not None
        return record.read_tensors(self._path(self.shard[0]))[1]["origin"] if begun else provenance()

    def run(self) -> Iterator[Advance]:
        """Go on from what is known, in float32; yields after each batch. Stopped anywhere, what is known is kept."""
        record.make_folder(self._path(0).parent)
        survivors, source = self.known() or self._fresh(), self._mine()
        written = time.monotonic()
        try:
            with full_precision():
                yield from self._stages_done(survivors)
                for advance in run_cascade(
                    self.subject.f,
                    source,
                    self.stages,
                    self.subject.threat,
                    survivors,
                    batch=self.batch,
                    seed=self.seed,
                ):
                    if time.monotonic() - written > _PAUSE:
                        self._write(survivors)
                        written = time.monotonic()
                    yield advance
        finally:
            self._write(survivors)

    def known(self, shard: int | None = None) -> Survivors | None:
        """What is known of a shard's images, by default of this process's; None before its first batch.

        What was found on a network that answers otherwise is not known of this one, though its weights be the same.
        """
        path = self._path(self.shard[0] if shard is None else shard)
        if not path.exists():
            return None
        tensors, _ = record.read_tensors(path)
        return Survivors(**tensors) if _alike(tensors.pop("logits"), self._logits) else None

    def whole(self) -> Survivors | None:
        """What is known of all images; None while a shard is at work."""
        parts = [self.known(shard) for shard in range(self.shard[1])]
        finished = [part for part in parts if part is not None and part.finished]
        return Survivors.merged(finished) if len(finished) == len(parts) else None

    def _stages_done(self, survivors: Survivors) -> Iterator[Advance]:
        """Stages that an earlier call has finished, so that a reader sees them too."""
        for stage in range(len(self.stages)):
            if len(survivors.waiting(stage)):
                return
            tried = int(survivors.after(stage - 1).sum()) if stage else len(survivors.broken_by)
            yield Advance(stage, tried, tried, int(survivors.after(stage).sum()))

    def _fresh(self) -> Survivors:
        return Survivors.fresh(len(self._mine()), len(self.stages))

    def _mine(self) -> Source:
        k, m = self.shard
        source = self.subject.source
        return source if m == 1 else source.subset(torch.arange(k, len(source), m))

    def _path(self, shard: int) -> Path:
        return self.subject.folder / record.STANDING / f"{self.key}-{shard}of{self.shard[1]}.safetensors"

    @cached_property
    def _few(self) -> tuple[Tensor, Tensor]:
        """Some images as they are stored, from the whole of the set, and their labels."""
        chosen = torch.linspace(0, len(self.subject.source) - 1, _FEW).long()
        return next(self.subject.source.batches([chosen]))

    @cached_property
    def _logits(self) -> Tensor:
        """What the network answers on them."""
        x = unit(self._few[0])
        with full_precision(), seeded(0, x.device):
            return answers(self.subject.f, x).cpu()

    def _write(self, survivors: Survivors) -> None:
        tensors = {**survivors.tensors(), "logits": self._logits}
        record.write_tensors(self._path(self.shard[0]), tensors, {**self.conditions, "origin": self.origin})


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0.0, atol=_ALIKE * float(one.abs().max()))
