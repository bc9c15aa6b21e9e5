"""What is said when a file cannot be written."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESUME = "then try again, a training with --resume; nothing is lost."
ANEW = "then give the command again."


@contextmanager
def named(path: Path, again: str = RESUME) -> Iterator[None]:
    """Name the file that could not be written, and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # it says so itself
            raise
        remedy = "Free some disk space" if error.errno == errno.ENOSPC else "Mend that"
        raise OSError(f"{path} could not be written ({error.strerror}). {remedy}, {again}") from None
