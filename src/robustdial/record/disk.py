"""Files that are there whole or not at all.

A file is first written beside its place and then renamed, so a reader, or a run that is killed, sees the old or the new
file, never a part. Who writes holds the lock of its part, so that what a dead writer has left can be told and swept.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from robustdial.record import lock
from robustdial.record.errors import RESUME, named


def make_folder(folder: Path, again: str = RESUME) -> None:
    """Make a folder, and those above it, where there is none. Raises OSError, one line with the remedy."""
    with named(folder, again):
        folder.mkdir(parents=True, exist_ok=True)


def missing(folder: Path) -> list[Path]:
    """What `make_folder` would make: the folder and those above it that are not there, from within."""
    return [place for place in (folder, *folder.parents) if not place.exists()]


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, from within, until one is not empty."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def write_text(path: Path, text: str, again: str = RESUME) -> None:
    """Write a text file atomically."""
    write_file(path, lambda part: part.write_text(text, encoding="utf-8"), again)


def write_file(path: Path, write: Callable[[Path], object], again: str = RESUME) -> None:
    """Let `write` fill a file beside `path`, push it to the disk, and rename it into place; nothing if it raises."""
    part = _beside(path)
    with named(path, again), _claimed(part):
        try:
            write(part)
            _pushed(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder in `folder` in which files that belong together are made; afterwards it is gone in any case.

    What is to stay is moved by `put_in_place` before. A `folder` that was made for it goes too if nothing stays, and so
    do those above it.
    """
    new = missing(folder)
    make_folder(folder)
    stage = _beside(folder / "files")
    with named(stage):
        stage.mkdir()
    try:
        with _claimed(stage):
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        remove_empty(new)


def put_in_place(stage: Path, folder: Path, names: Sequence[str]) -> None:
    """Move files, or folders, from a stage into their folder, in this order, once all of them are on the disk."""
    with named(folder):
        for name in names:
            for path in ((stage / name), *(stage / name).rglob("*")):
                if path.is_file():
                    _pushed(path)
        for name in names:
            (stage / name).replace(folder / name)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left unfinished in a folder; that of a living one stays."""
    for part in [*folder.glob(".*.part")]:
        with suppress(OSError):  # gone meanwhile, or on a file system without locks
            descriptor = lock.claim(part)
            if descriptor is not None:
                shutil.rmtree(part, ignore_errors=True)
                lock.let_go(part, descriptor)


def is_unfinished(path: Path) -> bool:
    """Whether a file is nothing but a part or a lock of ours."""
    return path.name.startswith(".") and path.suffix in (".part", ".lock")


def flush(descriptor: int) -> None:
    """Push what was written to the disk."""
    os.fsync(descriptor)


def _pushed(path: Path) -> None:
    with path.open("rb") as file:
        flush(file.fileno())


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")  # pids repeat across machines


@contextmanager
def _claimed(part: Path) -> Iterator[None]:
    """Hold the lock of a part, so that nobody sweeps it."""
    try:
        descriptor = lock.claim(part)
    except lock.NoLocksError:  # then nobody sweeps
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
