"""The terminal itself: where is printed, and how Ctrl-C is heard."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

# names and paths are the user's: brackets and colons in them are text; what is to stand out is a rich Text
console = Console(highlight=False, markup=False, emoji=False)
errors = Console(highlight=False, markup=False, emoji=False, stderr=True)


class Stop:
    """Whether Ctrl-C, or a polite kill, has asked the run to stop."""

    asked = False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turn the first Ctrl-C, SIGTERM or closed terminal into a request to stop after the batch at hand.

    A second one stops at once. A terminal that closes is passed over where it was before, as under `nohup`.
    """
    stop, before = Stop(), {number: signal.getsignal(number) for number in _signals()}

    def ask(number: int, frame: FrameType | None) -> None:
        stop.asked = True
        for other in before:
            signal.signal(other, before[other])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number in before:
            if signal.getsignal(number) is ask:
                signal.signal(number, before[number])


def _signals() -> list[signal.Signals]:
    """What asks a program to stop, on this system."""
    hangup = getattr(signal, "SIGHUP", None)
    heard = [hangup] if hangup and signal.getsignal(hangup) is not signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *heard]


def interrupt_once() -> None:
    """Let Ctrl-C interrupt the program once: a further one would cut its clearing up short, and end in a traceback."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def unheard() -> None:
    """Nobody reads what is printed any more: what is left of it goes nowhere, and its loss is not told at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
