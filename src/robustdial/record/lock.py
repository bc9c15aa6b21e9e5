"""Who writes: locks of the operating system, which end with the process that holds them, however it ends.

A lock is a hidden file in the folder; it is taken away when it is let go, and one that a kill has left behind is
nobody's.
Some file systems have no locks: that is said once, and the work goes on without.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from robustdial.record.errors import named

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TRAINER = ".trainer.lock"
_PATIENCE = 60.0  # seconds; a file is held for a few milliseconds
_PAUSE = 0.01


class NoLocksError(OSError):
    """The file system has no locks."""


class Hold:
    """A folder that this process alone trains in, for as long as something refers to this."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path, self.descriptor, self.process = path, descriptor, os.getpid()
        self.release = weakref.finalize(self, _let_go_of, path, descriptor, self.process)

    @property
    def good(self) -> bool:
        """Whether it still holds: in this process, of a folder that has not been deleted."""
        mine = self.release.alive and self.process == os.getpid()
        return mine and (self.descriptor is None or _is_at(self.descriptor, self.path))


_held: weakref.WeakValueDictionary[str, Hold] = weakref.WeakValueDictionary()


def hold(folder: Path) -> Hold:
    """Be the one process that trains in a folder. Raises ValueError, naming the other one, if there is one."""
    path = folder / _TRAINER
    known = _held.get(str(path.resolve()))
    if known is not None and known.good:
        return known
    try:
        descriptor = claim(path)
    except NoLocksError:
        _say_there_are_none(folder)
        found = Hold(path, None)
    else:
        if descriptor is None:
            raise ValueError(
                f"{_holder(path)} is at work in {folder}. Let it finish, or stop it there (Ctrl-C saves), then go on "
                "with --resume."
            )
        with suppress(OSError):  # on a full disk it holds all the same, without a name
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"process": os.getpid(), "machine": platform.node()}).encode())
        found = Hold(path, descriptor)
    _held[str(path.resolve())] = found
    return found


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Read a file, change it and write it, while no other process does. Not to be nested for one file.

    Raises OSError, one line with the remedy, if another process does not let go of it.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        with named(path):
            descriptor = _waited_for(lock, path)
    except NoLocksError:
        _say_there_are_none(path.parent)
        yield
        return
    try:
        yield
    finally:
        let_go(lock, descriptor)


def claim(path: Path) -> int | None:
    """Open a file, which is made if it is not there, with its lock; None while another has it.

    Raises NoLocksError where the file system has none.
    """
    if fcntl is None:
        raise NoLocksError
    while True:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise NoLocksError from None
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # whoever had it before has just taken the file away


def let_go(path: Path, descriptor: int) -> None:
    """Take the file of a lock away, and end the lock."""
    if _is_at(descriptor, path):
        with suppress(OSError):
            path.unlink()
    os.close(descriptor)


def _let_go_of(path: Path, descriptor: int | None, process: int) -> None:
    if descriptor is not None and process == os.getpid():  # a forked process has it, but does not hold it
        let_go(path, descriptor)


def _waited_for(lock: Path, path: Path) -> int:
    until = time.monotonic() + _PATIENCE
    while (descriptor := claim(lock)) is None:
        if time.monotonic() > until:
            raise OSError(
                f"{path} is being written by another process, which does not come to an end. Go on with it or stop it, "
                "then try again."
            )
        time.sleep(_PAUSE)
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that stands at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _holder(path: Path) -> str:
    """The process that holds a lock, in words."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        return f"Process {about['process']} on {about['machine']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "Another process"


@cache
def _say_there_are_none(folder: Path) -> None:
    logging.getLogger("robustdial").warning(
        "%s is on a file system without locks: see to it that one command at a time writes there.", folder
    )
