"""An `.npz` file with the arrays `image` and `label`, as sets of generated images are published; read where it lies.

Arrays that are not compressed stand in the file as they would in memory, so that any image is found by its number.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robustdial.data.checks import numbered, whole_labels
from robustdial.data.divide import Raw
from robustdial.data.formats import seems
from robustdial.data.gathered import gathered
from robustdial.data.picture import Header
from robustdial.data.reading import SMALLEST, Reading
from robustdial.data.shown import check_text, few, shown

IMAGE, LABEL = "image", "label"
_LOCAL_HEADER, _LENGTHS = 30, slice(26, 30)  # bytes before the name of a member, and the lengths of what follows them


@dataclass(frozen=True)
class Member:
    """An array in a file, found but not read.

    Attributes:
        path: of the file.
        dtype, shape: of the array, its rows one after the other.
        offset: where its first number stands.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def mapped(self) -> np.memmap[Any, Any]:
        """The array, of which only what is looked at is read."""
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class Pixels:
    """Images that are the rows of an array in a file.

    Args:
        member: uint8 `[N, H, W, C]`, with one channel or three.
    """

    def __init__(self, member: Member) -> None:
        self._member = member

    def __len__(self) -> int:
        return self._member.shape[0]

    def __getitem__(self, index: int) -> Image.Image:
        pixels = self._array[index]
        return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])

    def header(self, index: int) -> Header:
        _, height, width, channels = self._member.shape
        name = f"Image {index} of {shown(str(self._member.path))}"
        return Header(name, height, width, grey=channels == 1, alpha=False, turned=False, frames=False)

    def __getstate__(self) -> dict[str, Member]:
        """Without the mapping, of which a process that decodes makes its own: it would be copied as a whole."""
        return {"_member": self._member}

    @cached_property
    def _array(self) -> np.memmap[Any, Any]:
        return self._member.mapped()


def read(place: str, reading: Reading) -> Raw:
    """The file `place`, all of it for training; its classes have numbers only.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is broken or compressed, or its arrays are not images uint8 `[N, H, W, C]` and labels `[N]`.
    """
    reading.check_no_columns(f"npz:{shown(place)}")
    check_text(place, "The file")
    path = Path(place).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {shown(str(path))}. Give an .npz file with the arrays image, label.")
    images, labels = _images(_member(path, IMAGE)), _labels(path)
    if len(images) != len(labels):
        raise ValueError(
            f"{shown(str(path))} holds {len(images):,} images and {len(labels):,} labels. Save one label per image."
        )
    return gathered(numbered(labels), {"train": images}, {"train": labels}, reading, ())


def _images(member: Member) -> Pixels:
    count, *sides = member.shape
    if not count:
        raise ValueError(f"{shown(str(member.path))} holds no images. Add some.")
    if member.dtype != np.uint8 or len(sides) != 3 or sides[2] not in (1, 3):
        raise ValueError(
            f"image in {shown(str(member.path))} is {member.dtype} {list(member.shape)}. Save it as uint8 "
            "[N, H, W, C], with one channel or three."
        )
    if min(sides[:2]) < SMALLEST:
        raise ValueError(
            f"The images in {shown(str(member.path))} are {sides[1]} x {sides[0]} pixels, and each side needs "
            f"{SMALLEST} or more. Enlarge them."
        )
    return Pixels(member)


def _labels(path: Path) -> Tensor:
    member = _member(path, LABEL)
    if member.dtype.kind not in "iu":
        raise ValueError(f"label in {shown(str(path))} is {member.dtype}. Save one whole number per image, int64 [N].")
    labels = whole_labels(torch.from_numpy(member.mapped().astype(np.int64)), "training")
    if len(labels) and labels.min() < 0:
        raise ValueError(f"The smallest label in {shown(str(path))} is {int(labels.min())}. Use labels from 0.")
    return labels


def _member(path: Path, name: str) -> Member:
    """The array of a name. Raises ValueError if it is not there, compressed, or cannot be mapped."""
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            return _found(path, file, archive, name)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise ValueError(
            f"{shown(str(path))} is no .npz file, or broken ({error}).{seems(path)} Save one with numpy.savez, or "
            "fetch it again."
        ) from None


def _found(path: Path, file: IO[bytes], archive: zipfile.ZipFile, name: str) -> Member:
    names = [member.removesuffix(".npy") for member in archive.namelist()]
    if name not in names:
        raise ValueError(
            f"{shown(str(path))} has no array {name}; it holds {few(names) or 'none'}. Save one with "
            "numpy.savez(file, image=images, label=labels)."
        )
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(
            f"{name} in {shown(str(path))} is compressed, and images are read in any order. Unpack it once: "
            f"unzip {shown(path.name)} -d unpacked && (cd unpacked && zip -0 ../plain.npz *.npy)"
        )
    file.seek(info.header_offset)
    lengths = np.frombuffer(file.read(_LOCAL_HEADER)[_LENGTHS], "<u2")
    file.seek(info.header_offset + _LOCAL_HEADER + int(lengths.sum()))
    dtype, shape, offset = _header(path, file, name)
    if offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize > path.stat().st_size:
        raise ValueError(f"{shown(str(path))} ends before its array {name} does. Fetch it again.")
    return Member(path, dtype, shape, offset)


def _header(path: Path, file: IO[bytes], name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type and shape of the array that begins where a file stands, and where its numbers begin."""
    form = np.lib.format
    try:
        version = form.read_magic(file)
        head = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, columns, dtype = head(file)
    except ValueError as error:
        raise ValueError(f"{name} in {shown(str(path))} is no array ({error}). Save it with numpy.savez.") from None
    if dtype.hasobject or (columns and len(shape) > 1):
        kind = "of Python objects" if dtype.hasobject else "stored by columns"
        raise ValueError(f"{name} in {shown(str(path))} is {kind}. Save numpy.ascontiguousarray of numbers.")
    return dtype, shape, file.tell()
