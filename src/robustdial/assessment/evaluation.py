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
from pathlib import Path

import torch

from robustdial import record
from robustdial.assessment.subject import Subject
from robustdial.attack import Attack
from robustdial.data import Source
from robustdial.evaluate import Advance, Standing, classes_of, stages, stand
from robustdial.method import describe
from robustdial.precision import full_precision
from robustdial.typing import Json

_PAUSE = 5.0  # seconds between two writes


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
        if self.batch < 1:
            raise ValueError(f"--batch {self.batch}: attack at least one image at once.")

    @cached_property
    def course(self) -> tuple[Attack, ...]:
        """The stages: the images as they are, then each attack."""
        return stages(self.attack, classes_of(self.subject.f, self.subject.source))

    @cached_property
    def conditions(self) -> dict[str, Json]:
        """What the verdicts depend on."""
        return {
            **self.subject.about,
            "threat": describe(self.subject.threat),
            "attacks": [describe(attack) for attack in self.course],
            "labels": record.fingerprint({"labels": self.subject.source.labels}),
            "n": len(self.subject.source),
            "seed": self.seed,
            "batch": self.batch,
            "shards": self.shard[1],
        }

    @cached_property
    def key(self) -> str:
        """A digest of the conditions."""
        return hashlib.sha256(json.dumps(self.conditions, sort_keys=True).encode()).hexdigest()[:12]

    def run(self) -> Iterator[Advance]:
        """Go on from what is known, in float32; yields after each batch. Stopped anywhere, what is known is kept."""
        standing, source = self.known() or self._fresh(), self._mine()
        written = time.monotonic()
        try:
            with full_precision():
                yield from self._stages_done(standing)
                for advance in stand(
                    self.subject.f,
                    source,
                    self.course,
                    self.subject.threat,
                    standing,
                    batch=self.batch,
                    seed=self.seed,
                ):
                    if time.monotonic() - written > _PAUSE:
                        self._write(standing)
                        written = time.monotonic()
                    yield advance
        finally:
            self._write(standing)

    def known(self, shard: int | None = None) -> Standing | None:
        """What is known of a shard's images, by default of this process's; None before its first batch."""
        path = self._path(self.shard[0] if shard is None else shard)
        if not path.exists():
            return None
        tensors, _ = record.read_tensors(path)
        return Standing(**tensors)

    def whole(self) -> Standing | None:
        """What is known of all images; None while a shard is at work."""
        parts = [self.known(shard) for shard in range(self.shard[1])]
        finished = [part for part in parts if part is not None and part.finished]
        return Standing.merged(finished) if len(finished) == len(parts) else None

    def _stages_done(self, standing: Standing) -> Iterator[Advance]:
        """Stages that an earlier call has finished, so that a reader sees them too."""
        for stage in range(len(self.course)):
            if len(standing.waiting(stage)):
                return
            tried = int(standing.after(stage - 1).sum()) if stage else len(standing.fell)
            yield Advance(stage, tried, tried, int(standing.after(stage).sum()))

    def _fresh(self) -> Standing:
        return Standing.fresh(len(self._mine()), len(self.course))

    def _mine(self) -> Source:
        k, m = self.shard
        source = self.subject.source
        return source if m == 1 else source.subset(torch.arange(k, len(source), m))

    def _path(self, shard: int) -> Path:
        return self.subject.folder / record.STANDING / f"{self.key}-{shard}of{self.shard[1]}.safetensors"

    def _write(self, standing: Standing) -> None:
        self._path(0).parent.mkdir(parents=True, exist_ok=True)
        record.write_tensors(self._path(self.shard[0]), standing.tensors(), self.conditions)
