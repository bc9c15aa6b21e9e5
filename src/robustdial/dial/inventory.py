"""What `dial()` did to a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from robustdial.checks import checked


class Site(NamedTuple):
    """A layer that follows the dial.

    Attributes:
        name: of the layer in the network.
        kind: class that it was replaced for.
        channels: at each width.
        statistics: batch norms it holds for clean and robust images: 2, 1, or 0 where it has no statistics.
        film: parameters of its FiLM network.
    """

    name: str
    kind: str
    channels: tuple[int, ...]
    statistics: int
    film: int


@checked
def inventory(sites: Sequence[Site], parameters: int | None = None) -> str:
    """The replaced layers as a table, one line each, and their sum.

    Args:
        sites: `Dialed.sites`.
        parameters: of the plain network, if the sum shall say what share of them FiLM adds.

    >>> print(inventory([Site("bn1", "BatchNorm2d", (8, 16), 2, 1088), Site("ln", "LayerNorm", (16, 32), 0, 0)], 9000))
    bn1  BatchNorm2d  8/16 channels   clean and robust statistics  FiLM 1,088
    ln   LayerNorm    16/32 channels  no statistics                no FiLM
    2 sites, 1,088 FiLM parameters, 12.1 % of the network's 9,000
    """
    statistics = ("no statistics", "one set of statistics", "clean and robust statistics")
    rows = [
        (
            site.name,
            site.kind,
            f"{'/'.join(map(str, site.channels))} channels",
            statistics[site.statistics],
            f"FiLM {site.film:,}" if site.film else "no FiLM",
        )
        for site in sites
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    film = sum(site.film for site in sites)
    share = f", {film / parameters:.1%} of the network's {parameters:,}".replace("%", " %") if parameters else ""
    return "\n".join([*lines, f"{len(sites)} sites, {film:,} FiLM parameters{share}"])
