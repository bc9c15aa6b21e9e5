"""`robustdial zoo`."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.cli.commands.next_step import print_next
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError, choose
from robustdial.report.words import amount, number, percent, size
from robustdial.ship.adopted import adopt
from robustdial.ship.hub import CONFIG, WEIGHTS
from robustdial.ship.zoo import shipped
from robustdial.typing import Json


def zoo(name: str | None = None, /, data: str | None = None, root: str | None = None, out: Path | None = None) -> int:
    """List the trained dials that come with the package, or make a run folder of one: robustdial zoo NAME --out runs/z

    Each opens by its name, without a download, and its folder holds a card with the conditions of its numbers. As a run
    folder it is measured, searched, shown and shipped by the other commands, as one that was trained here.

    Args:
        name: one of them, user/name on the Hugging Face Hub, or a folder that save_pretrained wrote.
        data: where its images are, as in training; by default what they are called there.
        root: folder of downloaded data sets; data by default.
        out: folder to write; by default one of that name in runs/.
    """
    if name is None:
        given = [flag for flag, value in {"--data": data, "--root": root, "--out": out}.items() if value is not None]
        if given:
            raise UsageError(f"{', '.join(given)}: of which one? Name it: robustdial zoo robustdial/digits-radial")
        return _list()
    if (Path(name) / record.RUN).exists():
        raise UsageError(f"{name} is a run folder already: every command takes it as it is.")
    if (not Path(name).is_dir() and name.count("/") != 1) or name.startswith("robustdial/"):
        choose(name, tuple(shipped()), "dial in the package")
    folder = Path("runs", Path(name).name) if out is None else out
    about = adopt(name, folder, data, root or "data")
    dial = f"{about['recipe']} on {about['data']['name']}"
    console.print(f"{folder}: {dial}, published as {about['published']}", soft_wrap=True)
    print_next(folder, about)
    return 0


def _list() -> int:
    for name, folder in shipped().items():
        config = record.read_json(folder / CONFIG)
        network, data, (first, *_, last) = config["model"], config["data"], config["points"]
        weights = f"{amount(network['parameters'])} parameters, {size((folder / WEIGHTS).stat().st_size)}"
        attack = f"{last['attack']}, {last['threat']} {number(last['eps'])}, n = {last['n']:,}"
        console.print(
            f"{name}: {network['name']} ({weights}) on {data['name']}, {data['train']:,} images", soft_wrap=True
        )
        console.print(f"  {_end(first)}; {_end(last)} ({attack})", soft_wrap=True)
    console.print('open one: rd.from_pretrained("robustdial/digits-radial").at(0.5) is a plain f(x)', soft_wrap=True)
    console.print("a run folder of one, for every command: robustdial zoo robustdial/digits-radial", soft_wrap=True)
    return 0


def _end(point: Json) -> str:
    return f"lambda {point['lam']:g}: {percent(point['clean'])} clean, {percent(point['robust'])} robust"
