"""Networks with a dial between them of which nobody knows what they learned from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robustdial.own_code import named
from robustdial.typing import Json


def is_stranger(part: Mapping[str, Json]) -> bool:
    """Whether one of two networks, as `run.json` tells of it, may have learned from images that are held out here.

    Earlier versions did not say so: then it is one that is no run, or of which it is not told where it is from.

    >>> is_stranger({"name": "timm:resnet18"}), is_stranger({"name": "cnn", "source": "runs/a"})
    (True, False)
    """
    is_run = not part.get("foreign") and part.get("source", part["name"]) != part["name"]
    return not part.get("held_out", is_run)


def notes_on_strangers(about: Mapping[str, Json]) -> tuple[str, ...]:
    """A note that numbers may be too high, where a `run.json` is of such networks.

    >>> (note,) = notes_on_strangers({"model": {"parts": [{"name": "/home/me/net.py:robust", "foreign": True}]}})
    >>> note[:40], notes_on_strangers({"model": {"name": "cnn"}})
    ('net.py:robust may have learned from imag', ())
    """
    parts = about["model"].get("parts", [])
    found = dict.fromkeys(_called(part.get("source", part["name"])) for part in parts if is_stranger(part))
    if not found:
        return ()
    return (
        f"{' and '.join(found)} may have learned from images that are held out here: accuracies on them, and what is "
        "chosen by these, may be too good.",
    )


def _called(source: str) -> str:
    """A network as a stranger may know it, not by where it lies on this machine."""
    return named(source) if ":" in source else Path(source).name
