"""Whether folders are parts, classes, or neither, told from the folders inside of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robustdial.data.listing import beside_folders, folders_in
from robustdial.data.parts import part_among, part_called
from robustdial.data.picture import endings
from robustdial.data.shown import few, shown

_ALIKE = 2
"""So many names inside of each of several folders are the classes, and the folders are not."""


def holding_the_same(folders: Sequence[Path]) -> list[Path]:
    """Of folders whose names hold a word for a part (`dogs_train`, `test_v2`), those that hold the same folders."""
    spoken = [folder for folder in folders if part_called(folder.name) or part_among(folder.name)]
    inside = {folder: _names(_unwrapped(folder)) for folder in spoken}
    return [
        folder
        for folder in spoken
        if any(len(inside[folder] & inside[other]) >= _ALIKE for other in spoken if other != folder)
    ]


def hold_the_same(one: Path, other: Path) -> bool:
    """Whether two folders have folders in common, so that they are of one kind."""
    return len(_names(one) & _names(other)) >= _ALIKE


def of_folders_inside(root: Path, classes: Sequence[Path]) -> tuple[str, ...]:
    """A note if classes hold several folders each, which could be the classes."""
    inside = [inner for folder in classes if len(found := folders_in(folder)) > 1 for inner in found]
    names = few([str(inner.relative_to(root)) for inner in inside])
    return (f"Folders inside of a class are not told apart: {names}.",) if inside else ()


def check_classes_of(place: Path, folders: Sequence[Path], prefix: str = "folder:") -> None:
    """Raise a ValueError if the folders in `place` cannot be its classes.

    Either it is a single one that holds others, or each holds the same ones and no images beside them.

    Args:
        place: a set, or one of its parts.
        folders: in it.
        prefix: what a path is written with, where another path would do; empty where folders have to be moved.
    """
    inside = [_names(folder) for folder in folders]
    if len(folders) == 1 and inside[0] and not _has_images(folders[0]):
        remedy = f"Give {prefix}{shown(str(folders[0]))}" if prefix else f"Move them up, into {shown(str(place))}"
        raise ValueError(
            f"{shown(str(place))} holds one folder, {shown(folders[0].name)}, and the folders are in that: "
            f"{few(sorted(inside[0]))}. {remedy}."
        )
    common = set.intersection(*inside) if len(folders) > 1 else set()
    if len(common) >= _ALIKE and not any(_has_images(folder) for folder in folders):
        outer, inner = few([folder.name for folder in folders]), few(sorted(common))
        raise ValueError(
            f"{shown(str(place))}: are the classes {outer}, or {inner}, which are in each of them? If the outer "
            "folders are parts, call them train, val and test, or give one of them; if they are classes, put their "
            "images directly into them."
        )


def _unwrapped(folder: Path) -> Path:
    """A folder, or the only one in it, as `seg_train/seg_train` out of an archive."""
    inner = folders_in(folder)
    return inner[0] if len(inner) == 1 and not _has_images(folder) else folder


def _names(folder: Path) -> set[str]:
    """Of the folders in a folder."""
    return {inner.name for inner in folders_in(folder)}


def _has_images(folder: Path) -> bool:
    """Whether images lie in a folder beside the folders in it."""
    return any(Path(path).suffix.lower() in endings() for path in beside_folders(folder).others)
