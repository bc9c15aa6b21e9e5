"""A folder becomes its page: put in place in one move, so that the old one stays until the new one is complete."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.report import run
from robustdial.report.compare import page as compare


def render(folder: Path) -> Path:
    """Write `report.html` into a folder: one page that needs nothing outside itself.

    The page is a pure function of the folder. In a run's page, a part whose file is missing is left out, and a line
    says which command makes it.

    Args:
        folder: of a comparison, with `compare.json`, or of a run, with any of `run.json`, `epochs.jsonl`,
            `frontier.json`, `score.json`, `pictures.safetensors`; a network from elsewhere has `score.json` alone.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: the folder holds neither.
        ValueError: a file in it is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. Name that of a run, a comparison or an evaluation.")
    with record.changing(folder / record.REPORT):  # who writes last has read last, and the page lacks nothing
        page = compare.page(folder) if (folder / record.COMPARE).exists() else run.page(folder)
        record.write_text(folder / record.REPORT, page)
    return folder / record.REPORT
