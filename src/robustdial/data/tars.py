"""Samples in tar files as WebDataset lays them out, each found by its place: read once through, then in any order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from robustdial.data.formats import seems
from robustdial.data.picture import WHITE, Header, decode, header
from robustdial.data.reading import Colour
from robustdial.data.shown import shown

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZ": "bzip2", b"\xfd7": "xz", b"\x28\xb5": "zstd"}


@dataclass(frozen=True)
class Member:
    """A file within a tar file: `size` bytes from `offset` on."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True)
class Sample:
    """Files of one name, by their endings in small letters (`jpg`, `cls`).

    Attributes:
        name: for messages.
        files: what it holds.
        tar: an open tar file, to read small ones from while its samples are walked through.
    """

    name: str
    files: Mapping[str, Member]
    tar: IO[bytes]

    def text(self, ending: str) -> bytes:
        """What one of its files holds."""
        member = self.files[ending]
        self.tar.seek(member.offset)
        return self.tar.read(member.size)


def samples(path: Path) -> Iterator[Sample]:
    """The samples of a tar file, grouped as `webdataset` does; it is closed behind the last one.

    Raises:
        ValueError: it is broken, or compressed.
    """
    from webdataset.tariterators import group_by_keys

    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            found = [{"fname": info.name, "data": info, "__url__": str(path)} for info in tar if info.isreg()]
            _check_end(file, tar.offset)
            for group in group_by_keys(found):
                name = f"{group.pop('__key__')} of {shown(str(path))}"
                files = {end: _member(info) for end, info in group.items() if not end.startswith("__")}
                if files:
                    yield Sample(name, files, file)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise ValueError(_broken(path, error)) from error


class Packed:
    """Images in tar files.

    Args:
        paths: of the tar files.
        places: number of the tar file, offset and size of each image, int64 `[N, 3]`.
        names: of the images within them, as bytes `[N]`; arrays, as processes that decode share them without a copy.
        background: what shows through the images.
    """

    def __init__(self, paths: Sequence[Path], places: Any, names: Any, background: Colour = WHITE) -> None:
        self._paths, self._places, self._names, self._background = paths, places, names, background

    @staticmethod
    def of(paths: Sequence[Path], members: Sequence[tuple[int, Member]], background: Colour) -> Packed:
        """Images that are members of tar files, given by the number of these."""
        places = np.array([(number, member.offset, member.size) for number, member in members], dtype=np.int64)
        return Packed(paths, places.reshape(-1, 3), np.array([m.name.encode() for _, m in members]), background)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Image.Image:
        return decode(*self._file(index), self._background)

    def header(self, index: int) -> Header:
        return header(*self._file(index))

    def _file(self, index: int) -> tuple[io.BytesIO, str]:
        """The bytes of an image, and what it is called in messages."""
        number, offset, size = self._places[index].tolist()
        path = self._paths[number]
        name = f"{shown(bytes(self._names[index]).decode())} of {shown(str(path))}"
        try:
            with path.open("rb") as tar:
                tar.seek(offset)
                return io.BytesIO(tar.read(size)), name
        except OSError as error:
            raise ValueError(f"{name} cannot be read ({error.strerror}). Put the shard back.") from None


def _check_end(file: IO[bytes], offset: int) -> None:
    """Raise a TarError unless zeros mark the end at `offset`: `tarfile` takes whatever is no header for it."""
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError(f"neither a file nor the end at byte {offset:,}")


def _member(info: tarfile.TarInfo) -> Member:
    return Member(info.name, info.offset_data, info.size)


def _broken(path: Path, error: Exception) -> str:
    name = shown(str(path))
    if not path.exists():
        return f"There is no shard {name}. Put it back, or leave it out of the pattern."
    with path.open("rb") as file:
        packer = _COMPRESSED.get(file.read(2))
    if packer is not None:
        return f"The shard {name} is compressed ({packer}), and images are read in any order. Unpack it."
    reason = error.strerror if isinstance(error, OSError) else error.args[0]
    return (
        f"The shard {name} is broken ({reason}).{seems(path, 'a tar')} Fetch it again, or leave it out of the pattern."
    )
