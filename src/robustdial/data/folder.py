"""Images in one folder per class, and these, perhaps, in one folder per part."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from robustdial.data.base import Shape
from robustdial.data.divide import Raw
from robustdial.data.gathered import gathered
from robustdial.data.listing import Found, beside_folders, check_all_read, folders_in, images_below, told
from robustdial.data.masks import check_no_masks
from robustdial.data.naming import in_order, same_to_a_reader
from robustdial.data.nesting import check_classes_of, hold_the_same, holding_the_same, of_folders_inside
from robustdial.data.parts import PARTS, Part, part_among, part_called
from robustdial.data.picture import Files
from robustdial.data.reading import Reading
from robustdial.data.shown import check_text, few, shown
from robustdial.data.stream import Stream

LAYOUT = "PATH/train/CLASS/*.png with PATH/val and PATH/test alike, or PATH/CLASS/*.png"


def read(place: str, reading: Reading) -> Raw:
    """The images under `place`: divided in parts that are called train, val, test or alike, or one folder per class.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: it holds no classes, one of them has no images, the parts hold other classes, or it cannot be told
            what is a part and what a class.
    """
    path = _folder(place, LAYOUT)
    reading.check_no_columns(f"folder:{place}")
    layout = _layout(path)
    parts = {part: _classes(folders) for part, folders in layout.parts.items()}
    first = next(part for part in PARTS if part in parts)
    classes = in_order(parts[first])
    for part, found in parts.items():
        _check_same_classes(layout.where(first), classes, layout.where(part), found)
    _check_once(parts)
    files = {part: Files(_paths(found, classes), reading.colour) for part, found in parts.items()}
    labels = {part: _labels(found, classes) for part, found in parts.items()}
    _check_no_table(path, classes, layout.beside)
    left = [layout.beside, *(found for part in parts.values() for found in part.values())]
    inside = of_folders_inside(path, layout.parts[first])
    return gathered(classes, files, labels, reading, (*layout.notes, *inside, *told(path, left)))


def pictures(place: str, shape: Shape, reading: Reading) -> Stream:
    """All images under `place`, or under its training part if it has one, whatever folders they are in, as `shape`.

    Their labels are 0. Raises FileNotFoundError where there is no folder, ValueError where it holds no images.
    """
    path = _folder(place, "a folder of images")
    training = [folder for folder in folders_in(path) if part_called(folder.name) == "train"]
    root = training[0] if training else path
    found = images_below(root).images
    if not found:
        raise ValueError(f"{shown(str(root))} holds no images. Add some, or give another folder.")
    rows = torch.arange(len(found))
    return Stream(Files(found, reading.colour), rows, torch.zeros_like(rows), shape)


@dataclass(frozen=True)
class _Layout:
    """Which folders are classes, and of which part.

    Attributes:
        root: the whole.
        parts: folders of the classes of each part.
        places: folders of the parts; none of a part whose classes lie in `root` itself.
        beside: what lies beside the folders of parts and classes.
        notes: of folders that are left out.
    """

    root: Path
    parts: Mapping[Part, list[Path]]
    places: Mapping[Part, Path]
    beside: Found
    notes: tuple[str, ...] = ()

    def where(self, part: Part) -> Path:
        """The folder of a part."""
        return self.places.get(part, self.root)


def _layout(root: Path) -> _Layout:
    folders, beside = folders_in(root), beside_folders(root)
    if not folders:
        raise ValueError(f"{shown(str(root))} holds no folders. Give the path of {LAYOUT}.{_table_in(root)}")
    places = _parts_among(folders)
    others = [folder for folder in folders if folder not in places.values()]
    if not places:
        _check_no_parts_inside(others)
        check_classes_of(root, others)
        return _Layout(root, {"train": others}, {}, beside)
    parts = {part: folders_in(place) for part, place in places.items()}
    for part, classes in parts.items():
        if not classes:
            raise ValueError(f"{_without_classes(places[part], others)}{_table_in(places[part], root)}")
        check_classes_of(places[part], classes, prefix="")
    beside = Found(
        hidden=(*beside.hidden, *(path for place in places.values() for path in beside_folders(place).hidden)),
        others=(*beside.others, *(path for place in places.values() for path in beside_folders(place).others)),
    )
    if "train" not in places and others:
        _check_none_is_a_part(others, places)
        note = f"The training images are those of the folders beside {_listed(places.values())}."
        return _Layout(root, {"train": others, **parts}, places, beside, (note,))
    left = f"Left out, beside the folders of the parts: {_listed(others)}." if others else ""
    called = ", ".join(f"{shown(place.name)} is {part}" for part, place in places.items() if place.name != part)
    notes = tuple(note for note in (f"Parts by their names: {called}." if called else "", left) if note)
    return _Layout(root, parts, places, beside, notes)


def _parts_among(folders: Iterable[Path]) -> dict[Part, Path]:
    """The folders that are called as parts are. Raises ValueError if two are called as the same part.

    A word within the name is enough where the folders hold the same classes and no folder is called as that part.
    """
    known = list(folders)
    called = {folder: part_called(folder.name) for folder in known}
    taken = set(called.values())
    called |= {
        folder: part_among(folder.name) for folder in holding_the_same(known) if part_among(folder.name) not in taken
    }
    found: dict[Part, Path] = {}
    for folder, part in called.items():
        if part in found:
            raise ValueError(
                f"{shown(str(found[part]))} and {shown(folder.name)} both name the {part} part. Put them together, or "
                "rename one."
            )
        if part is not None:
            found[part] = folder
    return {part: found[part] for part in PARTS if part in found}


def _tables(found: Found) -> list[str]:
    return [path for path in found.others if path.lower().endswith((".csv", ".tsv"))]


def _table_in(*places: Path) -> str:
    """What is said of a table that lies in one of the places, and may hold the labels of the images."""
    tables = [path for place in places for path in _tables(beside_folders(place))]
    told = [f" A table lies there: csv:{shown(table)} reads its labels, if it names files." for table in tables]
    return told[0] if told else ""


def _check_none_is_a_part(folders: Sequence[Path], places: Mapping[Part, Path]) -> None:
    """Raise a ValueError where a folder beside the parts holds the folders that they hold: it is one, unnamed."""
    for folder in folders:
        alike = [place for place in places.values() if hold_the_same(folder, place)]
        if alike:
            raise ValueError(
                f"{shown(str(folder))} holds the same folders as {shown(alike[0].name)}. If it is the training part, "
                "call it train."
            )


def _check_no_table(root: Path, classes: Sequence[str], beside: Found) -> None:
    """Raise a ValueError where there is one folder of images, and beside it a table that may hold their labels."""
    tables = _tables(beside)
    if len(classes) == 1 and tables:
        raise ValueError(
            f"{shown(str(root))} holds one folder, {shown(classes[0])}, and so one class; a table lies beside it: "
            f"csv:{shown(tables[0])} reads its labels, if it has a column of files."
        )


def _check_no_parts_inside(classes: list[Path]) -> None:
    """Raise a ValueError where the parts are inside of the classes: their images would be mixed."""
    for folder in classes if len(classes) > 1 else ():
        inside = _parts_among(folders_in(folder))
        if len(inside) > 1:
            raise ValueError(
                f"{shown(str(folder))} holds {_listed(inside.values())}: parts inside of a class. Put the classes "
                f"inside of the parts: {LAYOUT}."
            )


def _without_classes(place: Path, beside: list[Path]) -> str:
    told = f"{shown(str(place))} holds no folders of classes"
    if beside:
        return (
            f"{told}, and stands beside {_listed(beside)}. If it is a class, rename it: its name is that of a part. "
            f"If it is a part, give it one folder per class: {LAYOUT}."
        )
    return f"{told}. Give it one folder per class, or move it away: {LAYOUT}."


def _classes(folders: Iterable[Path]) -> dict[str, Found]:
    """What lies in each folder of a class."""
    found = {}
    for folder in folders:
        check_text(folder.name, "The class")
        inside = images_below(folder)
        check_all_read(folder, inside.others)
        if not inside.images:
            instead = f" that can be read ({few([os.path.basename(path) for path in inside.others])} cannot)"
            raise ValueError(
                f"{shown(str(folder))} holds no pictures{instead if inside.others else ''}. Add some, or remove the "
                "folder."
            )
        check_no_masks(folder, inside.images)
        found[folder.name] = inside
    return found


def _check_same_classes(place: Path, classes: Iterable[str], other: Path, found: Iterable[str]) -> None:
    odd = sorted(set(classes) ^ set(found))
    if odd:
        alike = len({same_to_a_reader(name).casefold() for name in odd}) < len(odd)
        why = " (some differ in capitals, blanks, or how an accent is encoded)" if alike else ""
        raise ValueError(
            f"{shown(str(place))} and {shown(str(other))} do not hold the same classes: {few(odd)}{why}. Give both the "
            "same folders."
        )


def _check_once(parts: Mapping[Part, Mapping[str, Found]]) -> None:
    """Raise a ValueError where one file is of two parts or classes, through a link: it would be measured wrong."""
    seen: dict[tuple[int, int], tuple[tuple[Part, str], str]] = {}
    for part, classes in parts.items():
        for name, found in classes.items():
            for path in found.images:
                about = os.stat(path)
                where, first = seen.setdefault((about.st_dev, about.st_ino), ((part, name), path))
                if where != (part, name):
                    raise ValueError(
                        f"{shown(first)} and {shown(path)} are one and the same file, of two parts or two classes. "
                        "Remove one of the links."
                    )


def _paths(found: Mapping[str, Found], classes: Iterable[str]) -> list[str]:
    return [path for name in classes for path in found[name].images]


def _labels(found: Mapping[str, Found], classes: Iterable[str]) -> Tensor:
    return torch.tensor([label for label, name in enumerate(classes) for _ in found[name].images])


def _folder(place: str, wanted: str) -> Path:
    check_text(place, "The folder")
    path = Path(place).expanduser()
    if path.is_file():
        raise ValueError(f"{shown(place)} is a file. If it is an archive, unpack it; give the path of {wanted}.")
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder {place}. Give the path of {wanted}.")
    return path


def _listed(folders: Iterable[Path]) -> str:
    return few([folder.name for folder in folders])
