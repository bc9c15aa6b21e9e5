"""A run that no training made: two networks that are there already, under one dial."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.attack import Attack
from robustdial.data import Data, unit
from robustdial.dial import Fixed, Interpolated, Mixture, OnLine, kind_of, no_images
from robustdial.evaluate import fit_nuts
from robustdial.models import known
from robustdial.models.foreign import load_foreign
from robustdial.own_code import absolute
from robustdial.randomness import seeded
from robustdial.recipes.mix import Way
from robustdial.run.about import read_about, run_of
from robustdial.run.assembly import Parts, about_of, parts_of
from robustdial.run.calibration import calibration
from robustdial.run.data_again import is_same
from robustdial.run.network import open_model
from robustdial.run.places import data_of
from robustdial.run.settings import Run
from robustdial.typing import Json

DIVIDED = ("data", "limit", "val", "seed", "size", "root", "labelled", "label", "image", "background", "classes")
"""Settings that say which images are learned from, held out and tested on, and how they are read."""

_PARTS = ("limit", "val", "seed")
"""Those of them that divide the images."""


_FRACTION = re.compile(r"[\d.]+/[\d.]+")


@dataclass(frozen=True)
class Place:
    """Where a network is to be had: `runs/x`, `runs/x@0.5` (where its dial stands), `timm:NAME` or `file.py:build`.

    Args:
        name: as it was written.
        weights: safetensors for a network that is no run; None for those it comes with.
    """

    name: str
    weights: Path | None = None

    @property
    def folder(self) -> Path | None:
        """Of the run, if it is one."""
        folder = Path(self._halves[0])
        return folder if (folder / record.RUN).is_file() else None

    def check(self) -> None:
        """Raises FileNotFoundError if it is neither a run nor the name of a network."""
        if self.folder is None and ":" not in self.name:
            record.read_run(Path(self._halves[0]))

    @property
    def lam(self) -> float | None:
        """Where its dial stands. Raises ValueError for something else than a number."""
        _, written = self._halves
        try:
            return None if written is None else float(Fraction(written))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"{self.name}: {written!r} is no position of a dial. Write runs/x@0.5.") from None

    @property
    def _halves(self) -> tuple[str, str | None]:
        """What stands before the last @ and behind it; one in the path of a folder belongs to that."""
        place, at, written = self.name.rpartition("@")
        is_path = "/" in written and not _FRACTION.fullmatch(written)
        whole = not at or is_path or (Path(self.name) / record.RUN).is_file()
        return (self.name, None) if whole else (place, written)

    @property
    def spec(self) -> dict[str, Json]:
        """How `run.json` describes its network. Raises ValueError for a mixture, or where there is nothing."""
        if self.folder is None:
            foreign = not known(self.name)
            return {"name": absolute(self.name), "width": None, "source": self.name, "foreign": foreign}
        model = read_about(self.folder)["model"]
        if "parts" in model:
            raise ValueError(f"{self.name} is made of two networks itself. Name the networks it was made of.")
        return {"name": model["name"], "width": model["width"], "source": self.name, "foreign": False}


def settings_of(places: Sequence[Place], asked: Mapping[str, Any]) -> tuple[Run, dict[str, Json]]:
    """Settings and threat of a dial between networks: those of the runs among them, and what is asked instead.

    Raises ValueError if two runs divide their data otherwise, if another division is asked for, or no data is known.
    """
    for place in places:
        place.check()
    runs = [read_about(place.folder) for place in places if place.folder is not None]
    found = [{name: getattr(run_of(about), name) for name in DIVIDED} for about in runs]
    known = found[0] if found else {}
    differ = [name for name in DIVIDED if name != "root" and any(other[name] != known[name] for other in found)]
    if differ:
        raise ValueError(
            f"The two runs were made with another {', '.join(differ)}, so one may have learned from images that are "
            "held out for the other. Mix runs of the same data, limit, val and seed."
        )
    same = known and asked.get("data") in (None, known["data"])
    moved = [name for name in _PARTS if same and asked.get(name) not in (None, known[name])]
    if moved:
        flags = " and ".join(f"--{name}" for name in moved)
        raise ValueError(
            f"Another {flags} than that of the runs holds out images that they have learned from. Leave out {flags}."
        )
    if "data" not in known and not asked.get("data"):
        raise ValueError("Which images? Networks that are no runs need --data cifar10, folder:PATH, parquet:PATH, ...")
    settings = known | {name: value for name, value in asked.items() if value is not None}
    threat = {name: runs[-1]["knobs"][name] for name in ("eps", "norm") if runs and name in runs[-1]["knobs"]}
    return Run(**settings), threat


def mix_given(
    places: Sequence[Place], run: Run, way: Way, threat: Mapping[str, Json], attack: Attack
) -> dict[str, Json]:
    """Make the folder of a dial between an accurate and a robust network; what its `run.json` holds.

    The constants of MixedNUTS are fitted on validation images, attacked with `attack`; the statistics of interpolated
    weights are measured on training images.

    Raises ValueError before anything is written if the networks do not fit the data or each other.
    """
    folder, data = Path(run.out), data_of(run)
    record.check_free(folder)
    given = [_given(place, data) for place in places]
    knobs: dict[str, Json] = {**threat, "way": way}
    parts = parts_of("mix", knobs, run, data)
    model = parts.method.dial.put_on(*given, example=_some(data)).to(parts.device)
    facts: dict[str, Json] = {}
    if way == "nuts":
        with seeded(run.seed, parts.device):
            fit = fit_nuts(cast(Mixture, model).robust, parts.data.val.to(parts.device), attack, parts.method.threat)
        knobs |= asdict(fit.nuts)
        facts = {"share": fit.share, "sure": fit.sure, "fitted_with": attack.name}
        parts = parts_of("mix", knobs, run, data)
        model = parts.method.dial.put_on(*given).to(parts.device)
    if parts.method.dial == Interpolated():
        cast(OnLine, model).measure(calibration(parts.data.to(parts.device), device=parts.device))
    specs = [place.spec | {"held_out": _held_out(place, data)} for place in places]
    return _write(folder, parts, model, specs, facts)


def _write(
    folder: Path, parts: Parts, model: nn.Module, specs: list[dict[str, Json]], facts: Mapping[str, Json]
) -> dict[str, Json]:
    about = about_of(folder, parts, model)
    alike = specs[0] if parts.method.dial == Interpolated() else {"name": "mixture", "width": None}
    about["model"] = about["model"] | {"name": alike["name"], "width": alike["width"], "parts": specs, **facts}
    about["run"] = {name: about["run"][name] for name in (*DIVIDED, "precision", "device")}
    record.create_untrained(folder, about, model.state_dict())
    return about


def _held_out(place: Place, data: Data) -> bool:
    """Whether a network is known not to have learned from what is held out here: it is a run on the same division."""
    return place.folder is not None and is_same(data, read_about(place.folder))


def _given(place: Place, data: Data) -> nn.Module:
    """The network of a place, plain. Raises ValueError if there is none, or it does not fit the data."""
    if place.folder is not None:
        return _of_run(place, place.folder, data)
    images = {"classes": len(data.classes), "shape": data.shape, "mean": data.mean, "std": data.std}
    return load_foreign(place.name, place.weights, images=images)


def _of_run(place: Place, folder: Path, data: Data) -> nn.Module:
    about, found = read_about(folder), open_model(folder)
    if about["data"]["classes"] != list(data.classes) or about["data"]["shape"] != list(data.shape):
        raise ValueError(
            f"{place.name} knows {len(about['data']['classes'])} classes of {about['data']['name']}, images "
            f"{about['data']['shape']}; here they are {len(data.classes)} classes of {data.name}, {list(data.shape)}."
        )
    kind = kind_of(found)
    if place.lam is None and kind != Fixed():
        ends = f"{kind.lambdas[0]:g} to {kind.lambdas[-1]:g}"
        raise ValueError(f"The network in {folder} has a dial. Say where it stands, from {ends}: {place.name}@0.5.")
    return kind.bake(found, place.lam, 1.0, no_images)


def _some(data: Data) -> Tensor:
    """Two images to try a network on, `[2, C, H, W]` in [0, 1], on the CPU."""
    x, _ = next(data.val.batches([torch.arange(2)]))
    return unit(x).cpu()
