"""What lies in a folder: images, and what is left out of the set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustdial.data.picture import endings, is_image
from robustdial.data.shown import few, shown
from robustdial.record import COMPARE, GENERATOR, RUN, SCORE

_OF_THE_SYSTEM = frozenset(
    (
        "__macosx",
        "__pycache__",
        "@eadir",
        "#recycle",
        "@recycle",
        "$recycle.bin",
        "desktop.ini",
        "ehthumbs.db",
        "icon\r",
        "lost+found",
        "system volume information",
        "thumbs.db",
    )
)

_UNREAD = (".heic", ".heif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".dcm", ".npy")
"""Endings of photographs and pixels; of those that Pillow has been taught to read, none is asked about."""


@dataclass(frozen=True)
class Found:
    """What lies in a folder and those below it, as paths.

    Attributes:
        images: files that hold one, or are called as if they did.
        hidden: files and folders that are hidden, or of an operating system; nobody has looked inside.
        others: files that hold no image, pipes, links to nowhere.
    """

    images: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, nor runs, by name."""
    return sorted((path for path in folder.iterdir() if _to_look_into(folder, path.name)), key=os.fspath)


def beside_folders(folder: Path) -> Found:
    """What lies in a folder and is in none of those that `folders_in` gives."""
    names = sorted(path.name for path in folder.iterdir() if not _to_look_into(folder, path.name))
    hidden = [os.path.join(folder, name) for name in names if _hidden(name)]
    return Found(hidden=tuple(hidden), others=tuple(os.path.join(folder, name) for name in names if not _hidden(name)))


def images_below(folder: Path) -> Found:
    """What lies in a folder and those below it; a folder that is there twice, through a link, is looked at once."""
    images: list[str] = []
    hidden: list[str] = []
    others: list[str] = []
    seen = {_identity(folder)}
    places: list[tuple[str, list[str]]] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        hidden += [os.path.join(place, name) for name in (*folders, *files) if _hidden(name)]
        back = [name for name in folders if not _hidden(name) and not _to_look_into(place, name)]
        folders[:] = [
            name for name in folders if _to_look_into(place, name) and _is_new(os.path.join(place, name), seen)
        ]
        places.append((place, [*files, *back]))
    for place, files in sorted(places):
        for name in sorted(files):
            if not _hidden(name):
                path = os.path.join(place, name)
                (images if _looks_like_an_image(path) else others).append(path)
    return Found(tuple(images), tuple(sorted(hidden)), tuple(others))


def check_all_read(folder: Path, others: Sequence[str]) -> None:
    """Raise a ValueError where images of a class are in a format that Pillow does not read: they are no small loss."""
    unread = [path for path in others if path.lower().endswith(_UNREAD)]
    if unread:
        raise ValueError(
            f"{len(unread):,} images in {shown(str(folder))} are of a format that is not read here, such as "
            f"{shown(os.path.basename(unread[0]))}. Save them as PNG or JPEG, or move them out of the set."
        )


def told(root: Path, found: Iterable[Found]) -> tuple[str, ...]:
    """Notes of what was left out, with at most three names each."""
    parts = list(found)
    hidden = [path for part in parts for path in part.hidden]
    others = [path for part in parts for path in part.others]
    notes = []
    if others:
        notes.append(f"Left out, as no image of a class: {_counted(root, others)}.")
    if hidden:
        notes.append(f"Left out, as hidden or of the system: {_counted(root, hidden)}.")
    return tuple(notes)


def _counted(root: Path, paths: Sequence[str]) -> str:
    names = few([os.path.relpath(path, root) for path in paths])
    return f"{len(paths):,} ({names})"


def _is_run(path: str) -> bool:
    """Whether a folder is one of this library, which may lie among the images of its data."""
    return any(os.path.isfile(os.path.join(path, name)) for name in (RUN, COMPARE, GENERATOR, SCORE))


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith("~") or name.lower() in _OF_THE_SYSTEM


def _to_look_into(place: str | Path, name: str) -> bool:
    """Whether a name is that of a folder which is not hidden, nor a run, nor a link that leads back up."""
    path = os.path.join(place, name)
    if _hidden(name) or not os.path.isdir(path) or _is_run(path):
        return False
    return not (os.path.islink(path) and Path(place).resolve().is_relative_to(Path(path).resolve()))


def _is_new(path: str, seen: set[tuple[int, int]]) -> bool:
    which = _identity(path)
    if which in seen:
        return False
    seen.add(which)
    return True


def _identity(path: str | Path) -> tuple[int, int]:
    about = os.stat(path)
    return about.st_dev, about.st_ino


def _looks_like_an_image(path: str) -> bool:
    if not os.path.isfile(path):  # a pipe would be waited for
        return False
    return os.path.splitext(path)[1].lower() in endings() or is_image(path)
