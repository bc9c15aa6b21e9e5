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
from typing import Literal

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.attack import Attack, answers
from robustdial.data import Source, unit
from robustdial.evaluate import Advance, Survivors, attacks_of, classes_of, run_cascade
from robustdial.method import describe
from robustdial.precision import Confirmed, full_precision
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
        search: number format in which attacks follow gradients; whether an adversarial image counts is decided in
            float32.
        compiled: run the network through torch.compile, in each format.
    """

    subject: Subject
    attack: Attack
    seed: int = 0
    batch: int = 64
    shard: tuple[int, int] = (0, 1)
    search: Literal["float32", "bfloat16"] = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        k, m = self.shard
        images = len(self.subject.source)
        if not 0 <= k < m <= images:
            raise ValueError(f"--shard {k}/{m}: of m parts of {images} images, name part 0 to m - 1.")
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed} is negative. Give 0 or more.")
        if self.batch < 1:
            raise ValueError(f"--batch {self.batch}: attack at least one image at once.")
        if self.compiled:
            self.subject.f.compile(dynamic=True)  # batches of what stands have many sizes: one graph for all of them

    @cached_property
    def stages(self) -> tuple[Attack, ...]:
        """The stages: the images as they are, then each attack. Raises ValueError for labels that have no logit."""
        return attacks_of(self.attack, classes_of(self.subject.f, self.subject.source))

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
            **self.searched,
        }

    @property
    def searched(self) -> dict[str, Json]:
        """The format of the search where it is not that of the verdicts."""
        return {} if self.search == "float32" else {"search": self.search}

    @cached_property
    def key(self) -> str:
        """A digest of the conditions."""
        return hashlib.sha256(json.dumps(self.conditions, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def origin(self) -> dict[str, Json]:
        """Versions, machine, commit and command of the process that began it."""
        begun = self.known() is not None
        about = record.read_tensors(self._path(self.shard[0]))[1] if begun else {}
        return about.get("origin") or provenance()

    def run(self) -> Iterator[Advance]:
        """Go on from what is known; yields after each batch. Stopped anywhere, what is known is kept."""
        standing = self._path(0).parent
        record.make_folder(standing)
        record.sweep(standing)
        record.sweep(self.subject.folder)
        survivors, source = self.known() or self._fresh(self.shard[0]), self._mine()
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
                    search=self._asked,
                ):
                    if time.monotonic() - written > _PAUSE:
                        self._write(survivors)
                        written = time.monotonic()
                    yield advance
        finally:
            self._write(survivors)

    def known(self, shard: int | None = None) -> Survivors | None:
        """What is known of a shard's images, by default of this process's; None before its first batch.

        What was found on a network that answers otherwise is not known of this one, though its weights be the same; and
        nothing is known from a file of an earlier version that keeps other things.
        """
        shard = self.shard[0] if shard is None else shard
        path = self._path(shard)
        if not path.exists():
            return None
        tensors, _ = record.read_tensors(path)
        logits, fresh = tensors.pop("logits", torch.empty(0)), self._fresh(shard)
        if record.misfits(tensors, fresh.tensors()) or not _alike(logits, self._logits):
            return None
        return Survivors(**tensors)

    @property
    def of_another(self) -> bool:
        """Whether what is kept of this process's images was found on a network that answers otherwise."""
        return self._path(self.shard[0]).exists() and self.known() is None

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

    def _fresh(self, shard: int) -> Survivors:
        images = len(range(shard, len(self.subject.source), self.shard[1]))
        return Survivors.fresh(images, len(self.stages))

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
    def _asked(self) -> nn.Module:
        """The network as attacks that follow gradients ask it."""
        if self.search == "float32":
            return self.subject.f
        x = unit(self._few[0])
        with full_precision(), seeded(0, x.device):
            found = Confirmed(self.subject.f, x)
        if self.compiled:
            found.quick.compile(dynamic=True)
        return found

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
    return (one.shape, one.dtype) == (other.shape, other.dtype) and torch.allclose(
        one, other, rtol=0.0, atol=_ALIKE * float(one.abs().max())
    )
