"""Test images that are training images too, pixel for pixel: accuracy on them is none on new images."""

from __future__ import annotations

from hashlib import blake2b

from robustdial.data.base import Source
from robustdial.data.resident import Resident

_FEW = 0.01  # one in a hundred happens in sets as they are published


def of_images_twice(train: Source, test: Source) -> tuple[str, ...]:
    """A note if more than a hundredth of the test images are training images; nothing of parts not kept in memory."""
    if not (isinstance(train, Resident) and isinstance(test, Resident)):
        return ()
    known = set(_digests(train))
    twice = sum(digest in known for digest in _digests(test))
    if twice <= _FEW * len(test):
        return ()
    return (
        f"Of the {len(test):,} test images {twice:,} are training images too, pixel for pixel: on these, accuracy says "
        "nothing of new images.",
    )


def _digests(part: Resident) -> list[bytes]:
    return [blake2b(image.numpy().tobytes(), digest_size=16).digest() for image in part.images.cpu()]
