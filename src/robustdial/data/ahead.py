"""Work that is done ahead of its use: in threads of this process, or in processes of their own."""

from __future__ import annotations

import math
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader

THREADS = min(4, os.cpu_count() or 1)
MOST_PROCESSES = 8  # unless more are asked for
MOST_AHEAD = 256  # results, of which each keeps a file open

Make = Callable[[Tensor], Tensor]


def processes_here() -> int:
    """How many processes have a processor each, where several ranks share the machine; at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of torchrun
    return max(1, min(MOST_PROCESSES, cores // ranks))


def in_threads(make: Make, order: Sequence[Tensor]) -> Iterator[Tensor]:
    """`map(make, order)`. Nothing is forked and errors arrive as they were raised, but threads share Python's lock."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[Tensor]] = deque()
        for index in order:
            waiting.append(pool.submit(make, index))
            if len(waiting) > 2 * THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def in_processes(make: Make, order: Sequence[Tensor], processes: int, ahead: int) -> Iterator[Tensor]:
    """`map(make, order)`, by processes of a `DataLoader`, with about `ahead` results in the making. No random number is
    drawn.

    Raises what `make` raises, ChildProcessError if a process has come to an end.
    """
    number = max(1, min(processes, len(order)))
    for made in _while_all_live(_loaded(_Work(make, order), number, min(ahead, MOST_AHEAD))):
        if isinstance(made, Exception):
            raise made
        yield made


@dataclass(frozen=True)
class _Work:
    """Each result by its number; what is wrong with it, too: a loader would wrap it into a traceback."""

    make: Make
    order: Sequence[Tensor]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> Tensor | Exception:
        try:
            return self.make(self.order[place])
        except (ValueError, OSError) as error:
            return error


def _while_all_live(results: Iterator[Tensor | Exception]) -> Iterator[Tensor | Exception]:
    """The results of a loader, with one line for all the ways in which the end of a process is noticed."""
    try:
        yield from results
        return
    except (RuntimeError, EOFError, OSError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
    with _deaf_to_children():
        del results  # brings the other processes to their end
    raise ChildProcessError(
        "A process that decodes images has come to an end, as when memory or /dev/shm is full. Give fewer with "
        "--workers."
    )


@contextmanager
def _deaf_to_children() -> Iterator[None]:
    """Inside, the end of a process is no signal: torch tells of one by an error wherever Python happens to be, and may
    do so once more after it is known, where nothing can catch it."""
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        yield
        return
    told = signal.getsignal(signal.SIGCHLD)
    with suppress(RuntimeError):  # a signal that came before is told at this call
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, told)


def _loaded(work: _Work, processes: int, ahead: int) -> Iterator[Tensor | Exception]:
    with warnings.catch_warnings():
        # who waits for a disk in the network wants more processes than processors
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader: DataLoader[Tensor] = DataLoader(
            work,  # type: ignore[arg-type]  # a map-style set by what it can do
            batch_size=None,
            num_workers=processes,
            prefetch_factor=max(2, math.ceil(ahead / processes)),
            worker_init_fn=_apart,
            generator=torch.Generator(),  # or it would draw from the global one
        )
        return iter(loader)


def _apart(worker: int) -> None:
    """Out of the group that Ctrl-C, or a scheduler's polite kill, reaches: the first process decides what ends."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
