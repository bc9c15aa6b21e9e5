"""One folder becomes one page.

A run: the trade-off, a slider over it, its evaluations, pictures, curves and every condition. A network from elsewhere:
its evaluations. A comparison of methods: what each reached and what it cost, the Pareto front, curves and every
condition.

May import the ground alone: it computes nothing that was not measured. In: the files of a folder (`record`). Out: one
HTML file that needs nothing beside it.
"""

from __future__ import annotations

from pathlib import Path

from robustdial.report.notebook import plot_frontier


def report(folder: str | Path) -> Path:
    """Write `report.html` into the folder of a run, a comparison or an evaluation; the path of the page.

    The page is a pure function of the folder and needs nothing outside itself. Raises FileNotFoundError if there is
    nothing to show in it, ValueError if a file in it is damaged.
    """
    from robustdial.report.page import render as write  # brings plotly with it

    return write(Path(folder))


render = report

__all__ = ["plot_frontier", "render", "report"]
