"""What a reader is told besides the place: how the images are to be, and which columns hold what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from PIL import ImageColor

SMALLEST = 8
"""Pixels of a side: below, nothing can be seen."""

LARGEST = 4096
"""Above, no network takes it."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Reading:
    """How a set is to be read.

    Args:
        size: side of the square that images are brought to; None for the size they have.
        label: column of the labels, of sets with columns; None to find it.
        image: column of the images, of sets with columns; None to find it.
        background: colour that shows through transparent pixels: white, black, #808080, rgb(10, 20, 30), ...

    Raises ValueError for a size out of range, or a colour that there is not.
    """

    size: int | None = None
    label: str | None = None
    image: str | None = None
    background: str = "white"

    def __post_init__(self) -> None:
        if self.size is not None and not SMALLEST <= self.size <= LARGEST:
            raise ValueError(
                f"size={self.size}: give the side of the images in pixels, from {SMALLEST} to {LARGEST}, or leave it "
                "out."
            )
        try:
            self.colour  # noqa: B018
        except ValueError:
            raise ValueError(
                f"background={self.background!r} is no colour. Write white, black, #808080 or rgb(10, 20, 30)."
            ) from None

    @cached_property
    def colour(self) -> Colour:
        """The background as red, green and blue."""
        red, green, blue, *_ = ImageColor.getrgb(self.background)
        return red, green, blue

    def for_other(self, name: str, other: str) -> Reading:
        """How another set is read beside the set `name`: its columns are called alike if it is of the same kind."""
        alike = name.partition(":")[0] == other.partition(":")[0]
        return self if alike else replace(self, label=None, image=None)

    def check_no_columns(self, name: str) -> None:
        """Raise a ValueError if a column is named for a set that has none."""
        asked = [flag for flag in ("label", "image") if getattr(self, flag) is not None]
        if asked:
            raise ValueError(
                f"{asked[0]}={getattr(self, asked[0])!r} names a column, and {name} has none. Leave it out, or bring "
                "parquet:PATH, csv:PATH, wds:PATTERN or hf:NAME."
            )
