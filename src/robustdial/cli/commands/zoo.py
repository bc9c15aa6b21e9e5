"""`robustdial zoo`."""

from __future__ import annotations

from rich.table import Table

from robustdial import record
from robustdial.cli.console import console
from robustdial.report.words import amount, percent
from robustdial.ship.hub import CONFIG, WEIGHTS
from robustdial.ship.zoo import shipped
from robustdial.typing import Json


def zoo() -> int:
    """List the small trained dials that come with the package: robustdial zoo

    Each opens by its name, without a download, and its folder holds a card with the conditions of its numbers.
    """
    table = Table(title="trained dials that come with the package", title_justify="left")
    for name in ("name", "data", "network", "parameters", "bytes", "most accurate", "most robust", "attack"):
        table.add_column(name, no_wrap=name == "name")
    for name, folder in shipped().items():
        config = record.read_json(folder / CONFIG)
        first, *_, last = config["points"]
        table.add_row(
            name,
            f"{config['data']['name']}, {config['data']['train']:,} images",
            config["model"]["name"],
            amount(config["model"]["parameters"]),
            f"{(folder / WEIGHTS).stat().st_size:,}",
            _both(first),
            _both(last),
            f"{last['attack']}, {last['threat']} {last['eps']:.3g}, n = {last['n']:,}",
        )
    console.print(table)
    console.print('open one: rd.from_pretrained("robustdial/digits-radial").at(0.5) is a plain f(x)', soft_wrap=True)
    return 0


def _both(point: Json) -> str:
    return f"{percent(point['clean'])} / {percent(point['robust'])} at lambda {point['lam']:g}"
