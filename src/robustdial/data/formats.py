"""What a file is that was given as something else, told by how it begins."""

from __future__ import annotations

from pathlib import Path

_MARKS = {
    b"PK\x03\x04": "a zip archive, as Excel writes it",
    b"\x1f\x8b": "compressed by gzip",
    b"PAR1": "Parquet (--data parquet:PATH)",
    b"\x93NUMPY": "one array of numpy",
    b"\x89HDF": "HDF5",
    b"MATLAB": "a file of MATLAB",
    b"\x80": "a pickle of Python",
    b"ARROW1": "Arrow",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull fetches what it stands for",
    b"{": "JSON",
    b"[": "JSON",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
_TAR_AT, _TAR = 257, b"ustar"


def format_of(path: str | Path) -> str | None:
    """The format of a file in words, or None where its beginning does not say.

    Raises OSError if it cannot be read.
    """
    with Path(path).open("rb") as file:
        beginning = file.read(_TAR_AT + len(_TAR))
    if beginning.endswith(_TAR):
        return "a tar archive"
    text = beginning.lstrip()
    return next((kind for mark, kind in _MARKS.items() if text.startswith(mark)), None)


def seems(path: str | Path, wanted: str | None = None) -> str:
    """A sentence that says what a file seems to be; empty where that is unknown, or the format that was wanted."""
    try:
        kind = format_of(path)
    except OSError:
        return ""
    return "" if kind is None or (wanted and kind.startswith(wanted)) else f" It seems to be {kind}."
