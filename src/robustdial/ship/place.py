"""Where a baked network goes: a folder with customary names, or one file of the caller's name with its card beside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from robustdial import record
from robustdial.ship.export import FORMATS, MODEL_INFO, PREPROCESS

CARD, README = record.CARD, "README.md"
ALONE = ("pt2", "onnx", "safetensors")
"""Formats that are one file, and so can have any name."""


@dataclass(frozen=True)
class Place:
    """A folder, and what the files in it are called.

    Args:
        folder: it.
        file: name of the network's file; None for the customary names.
    """

    folder: Path
    file: str | None = None

    def name(self, customary: str) -> str:
        """What a file is called here that is customarily called otherwise.

        >>> [Place(Path("out"), "net.onnx").name(name) for name in ("model.onnx", "card.json", "README.md")]
        ['net.onnx', 'net.json', 'net.md']
        >>> Place(Path("out"), "my-net.onnx").name("preprocess.py"), Place(Path("out")).name("model.onnx")
        ('my_net_preprocess.py', 'model.onnx')
        """
        if self.file is None or customary == MODEL_INFO:
            return customary
        stem = Path(self.file).stem
        imported = re.sub(r"\W", "_", stem)
        named = {CARD: f"{stem}.json", README: f"{stem}.md", PREPROCESS: f"{imported}_{PREPROCESS}"}
        return named.get(customary, self.file)


def format_of(out: Path | None) -> str | None:
    """The format of a file that is to be written; None if `out` is, or will be, a folder.

    Raises ValueError if it ends nearly as such a file does.

    >>> format_of(Path("net.onnx")), format_of(Path("baked")), format_of(None)
    ('onnx', None, None)
    """
    if out is None or out.is_dir():
        return None
    endings = {Path(FORMATS[name].file).suffix: name for name in ALONE}
    ending = out.suffix.lower()
    if ending not in endings and (near := get_close_matches(ending, endings, 1, 0.8)):
        raise ValueError(
            f"--out {out} is no file of a format. Did you mean {out.with_suffix(near[0])}? A folder has another name."
        )
    return endings.get(ending)


def place_at(out: Path) -> Place:
    """The place that a path means."""
    return Place(out) if format_of(out) is None else Place(out.parent, out.name)
