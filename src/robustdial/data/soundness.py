"""Parquet files that are damaged, or unpack to far more than they are, are found out before they take the memory."""

from __future__ import annotations

from pathlib import Path

from robustdial.data.formats import seems
from robustdial.data.shown import shown

LARGEST_LOOKED_INTO = 2**28  # bytes; reading a larger file twice would be felt
ROWS = 16  # at a time
GROWTH, ROOM = 64, 2**28  # a file may unpack to so many times its size, and so many bytes


def rows_of(file: Path) -> int:
    """How many rows a file has. Raises ValueError for one that cannot be read to its end, or unpacks to 64 times more.

    `datasets` would take the number of rows from the file's own word, and make room for all of them at once.
    """
    import pyarrow
    from pyarrow import parquet

    size, name = file.stat().st_size, shown(str(file))
    unpacked = rows = 0
    try:
        with parquet.ParquetFile(file) as table:
            announced: int = table.metadata.num_rows
            for batch in table.iter_batches(batch_size=ROWS) if size <= LARGEST_LOOKED_INTO else ():
                rows, unpacked = rows + batch.num_rows, unpacked + batch.nbytes
                if unpacked > GROWTH * size + ROOM:
                    break
            else:
                _check_rows(announced, rows, size)
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        raise unreadable(file) from error
    if unpacked > GROWTH * size + ROOM:
        raise ValueError(
            f"{name} has {size:,} bytes and unpacks to more than {GROWTH} times that. It is no set of images."
        )
    return announced


def unreadable(file: Path) -> ValueError:
    """What is said of a file that is no parquet file, or no whole one."""
    what = seems(file, "Parquet") or " Is it damaged, or of another format?"
    return ValueError(f"{shown(str(file))} cannot be read as parquet.{what}")


def _check_rows(announced: int, found: int, size: int) -> None:
    if announced != found and size <= LARGEST_LOOKED_INTO:
        raise ValueError(f"{announced} rows are announced, {found} are there")
