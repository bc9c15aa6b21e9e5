"""A published network as a run folder: what every command takes, though no training was seen here."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.method import describe
from robustdial.provenance import provenance
from robustdial.recipes import recipe
from robustdial.run import Run, places_of
from robustdial.ship.export import PREPROCESS, module
from robustdial.ship.hub import published
from robustdial.typing import Json

_NEEDED = ("val", "test", "labels")


def adopt(name: str, folder: str | Path, data: str | None = None, root: str = "data") -> dict[str, Json]:
    """Write a published network as a run folder; what its `run.json` holds.

    It says from where the network came, and how the data of its training was divided, as the publisher says it. The
    state of that training is not there: it is measured, searched and shipped, not resumed. `preprocess.py` makes its
    images.

    Args:
        name: as for `from_pretrained`.
        folder: to write, new or empty.
        data: where its images are here, as in training; by default what the publisher called them.
        root: folder of downloaded data sets.

    Raises as `from_pretrained`; ValueError, before anything is written, if the folder is not free or the publisher does
    not say how the data was divided.
    """
    folder = Path(folder)
    record.check_free(folder)
    config, model = published(name)
    if missing := [key for key in _NEEDED if key not in config["data"]]:
        raise ValueError(
            f"{name} does not say how its data was divided ({', '.join(missing)}): an earlier version published it. "
            f"Use it in Python, rd.from_pretrained({name!r}), or have it published again."
        )
    method, kept = recipe(config["recipe"])(**config["knobs"]), config.get("run", {})
    images = data or config["data"]["name"]
    origin = provenance()
    about = {
        "name": folder.name,
        "recipe": config["recipe"],
        "knobs": config["knobs"],
        "method": describe(method),
        "threat": method.threat.name,
        "data": config["data"],
        "places": places_of(Run(data=images, root=root)),
        "model": config["model"] | {"pretrained": False},
        "run": {"seed": 0, "precision": "auto", "device": "auto", **kept, "data": images, "root": root},
        "published": _public(name),
        "created": origin["created"],  # of this folder; where and with what it was trained is not known here
        "command": origin["command"],
    }
    fed = module(config["data"]["shape"], config["data"]["classes"], kept.get("background", "white"))
    record.create_untrained(folder, about, model.state_dict(), {PREPROCESS: fed})
    return about


def _public(name: str) -> str:
    """A name that cards may repeat: of a folder, not where it lies."""
    return Path(name).resolve().name if Path(name).is_dir() else name
