"""Where the processes of one training find each other, and how they part.

`torchrun` starts them and says in the environment who is who; so may any other launcher. A small store that all of them
reach holds what is said before the first tensor travels and after the last: who is there, what is wrong, who has left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from robustdial.distributed.store import kept_store, reached_store

PATIENCE = 600.0
"""Seconds to wait for a process, at the start and at every step; ROBUSTDIAL_PATIENCE sets another number."""

_PARTING = 20.0  # seconds to wait for the others before leaving
_STRANDED = 3.0  # seconds within which all that are still there notice that one is not


class Meeting:
    """One process among several.

    Args:
        rank, size: number of this process, and of processes.
        store: what all processes read and write.
        patience: seconds to wait for another one.
    """

    def __init__(self, rank: int, size: int, store: Any, patience: float) -> None:
        self.rank, self.size, self.store, self.patience = rank, size, store, patience
        self._gone: set[int] = set()

    def gather(self) -> None:
        """Wait for every process, then open the ways between them. Raises ConnectionError that names who is missing."""
        self.store.set(f"here/{self.rank}", "")
        missing = self._missing("here", self.patience)
        if missing:
            self._gone.update(missing)
            raise ConnectionError(
                f"{_named(missing, self.size)} did not come within {self.patience:g} s. Start every one of them."
            )
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        pace = timedelta(seconds=self.patience)
        dist.init_process_group(backend, store=self.store, rank=self.rank, world_size=self.size, timeout=pace)

    def told(self, what: str, word: str) -> list[str]:
        """What every process has to say about something, in the order of their numbers."""
        self.store.set(f"{what}/{self.rank}", word)
        missing = self._missing(what, self.patience)
        if missing:
            raise ConnectionError(f"{_named(missing, self.size)} did not say which {what} it has.")
        return [self.store.get(f"{what}/{rank}").decode() for rank in range(self.size)]

    def broken(self, error: Exception) -> ConnectionError:
        """What to say when a step that all take together fails: who did not take it."""
        with suppress(RuntimeError):
            self.store.set(f"stranded/{self.rank}", "")
            missing = [rank for rank in self._missing("stranded", _STRANDED) if not self.store.check([f"left/{rank}"])]
            self._gone.update(missing)
            if missing:
                return ConnectionError(
                    f"{_named(missing, self.size)} did not come to the next step: it was killed, its machine is gone, "
                    f"or it took more than {self.patience:g} s. Look at its own last line, then go on with --resume."
                )
        why = (str(error).splitlines() or [""])[0][:120]
        return ConnectionError(f"The processes have lost each other ({why}). Go on with --resume.")

    def first_to_say(self) -> bool:
        """Whether no other process has said yet what is wrong."""
        try:
            return bool(self.store.add("said", 1) == 1)
        except RuntimeError:  # the store went with the process that kept it
            return True

    def part(self) -> None:
        """Close the ways, and leave when the others can leave too: who started them must see the same end of all."""
        if dist.is_initialized():
            dist.destroy_process_group()
        with suppress(RuntimeError):
            self.store.set(f"left/{self.rank}", "")
            self._missing("left", _PARTING)
            self.store.set(f"seen/{self.rank}", "")
            if self.rank == 0:  # it may keep the store, which the others still look into
                self._missing("seen", _STRANDED)

    def _missing(self, word: str, seconds: float) -> list[int]:
        """Who has not written `word` within so many seconds."""
        until = time.monotonic() + seconds
        missing = [rank for rank in range(self.size) if rank not in self._gone]
        while True:
            missing = [rank for rank in missing if not self.store.check([f"{word}/{rank}"])]
            gone = word != "seen" and any(self.store.check([f"left/{rank}"]) for rank in missing)
            if not missing or gone or time.monotonic() > until:
                return missing
            time.sleep(0.02)


def _named(ranks: Sequence[int], size: int) -> str:
    """
    >>> _named([1], 2), _named([1, 3], 4)
    ('Process 1 of 0 to 1', 'Processes 1, 3 of 0 to 3')
    """
    return f"Process{'es' * (len(ranks) > 1)} {', '.join(map(str, ranks))} of 0 to {size - 1}"


def restarted() -> bool:
    """Whether the launcher has started these processes anew because one of them was lost (`--max-restarts`)."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) > 0


def started_together() -> Meeting | None:
    """The meeting of the processes that were started together, as the environment says; None for one alone.

    Raises ValueError if the environment does not say it well, ConnectionError if there is no way to the first process,
    or its address is taken.
    """
    size = _number("WORLD_SIZE", 1)
    if size < 2:
        return None
    rank, port, host = _number("RANK", -1), _number("MASTER_PORT", 29500), os.environ.get("MASTER_ADDR", "localhost")
    if not 0 <= rank < size:
        raise ValueError(f"WORLD_SIZE={size} needs RANK, from 0 to {size - 1}. Start with torchrun, which sets both.")
    patience = _number("ROBUSTDIAL_PATIENCE", int(PATIENCE))
    hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # by the launcher
    if rank == 0 and not hosted:
        store = kept_store(port, patience)
    else:
        try:
            store = reached_store(host, port, patience)
        except ConnectionError as error:
            raise ConnectionError(
                f"Process {rank} cannot reach process 0: {error}. Start that one, or mend MASTER_ADDR and MASTER_PORT."
            ) from error
    attempt = _number("TORCHELASTIC_RESTART_COUNT", 0)
    mine = dist.PrefixStore(f"robustdial/{attempt}", store)  # type: ignore[attr-defined]
    return Meeting(rank, size, mine, patience)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name}={text} is not a number. Start with torchrun, which sets it.") from None
