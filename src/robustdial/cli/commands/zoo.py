"""`robustdial zoo`."""

from __future__ import annotations

from robustdial import record
from robustdial.cli.terminal import console
from robustdial.report.words import amount, percent, size
from robustdial.ship.hub import CONFIG, WEIGHTS
from robustdial.ship.zoo import shipped
from robustdial.typing import Json


def zoo() -> int:
    """List the small trained dials that come with the package: robustdial zoo

    Each opens by its name, without a download, and its folder holds a card with the conditions of its numbers.
    """
    for name, folder in shipped().items():
        config = record.read_json(folder / CONFIG)
        network, data, (first, *_, last) = config["model"], config["data"], config["points"]
        weights = f"{amount(network['parameters'])} parameters, {size((folder / WEIGHTS).stat().st_size)}"
        attack = f"{last['attack']}, {last['threat']} {last['eps']:.3g}, n = {last['n']:,}"
        console.print(
            f"{name}: {network['name']} ({weights}) on {data['name']}, {data['train']:,} images", soft_wrap=True
        )
        console.print(f"  {_end(first)}; {_end(last)} ({attack})", soft_wrap=True)
    console.print('open one: rd.from_pretrained("robustdial/digits-radial").at(0.5) is a plain f(x)', soft_wrap=True)
    return 0


def _end(point: Json) -> str:
    return f"lambda {point['lam']:g}: {percent(point['clean'])} clean, {percent(point['robust'])} robust"
