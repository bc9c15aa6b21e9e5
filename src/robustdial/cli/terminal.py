"""The terminal itself: where is printed, and how Ctrl-C is heard."""

from __future__ import annotations

import codecs
import os
import signal
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

# names and paths are the user's: brackets and colons in them are text; what is to stand out is a rich Text
_width = 80 if os.environ.get("COLUMNS") == "0" else None  # as some schedulers say, and then nothing is printed
console = Console(highlight=False, markup=False, emoji=False, width=_width)
errors = Console(highlight=False, markup=False, emoji=False, stderr=True, width=_width)


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


def speak_plainly() -> None:
    """Print also where a stream is closed, which then goes nowhere, or knows fewer letters, of which the nearest is."""
    codecs.register_error(_PLAIN, _plainly)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif reconfigure := getattr(getattr(sys, name), "reconfigure", None):
            reconfigure(errors=_PLAIN)


_PLAIN = "robustdial.plain"
_NEAREST = {
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{GREEK SMALL LETTER LAMDA}": "lambda",
    "\N{MICRO SIGN}": "u",
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
}


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What is printed in place of letters that a stream does not know."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_nearest, error.object[error.start : error.end])), error.end


def _nearest(letter: str) -> str:
    return _NEAREST.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "?"


def unheard() -> None:
    """Nobody reads what is printed any more: what is left of it goes nowhere, and its loss is not told at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
