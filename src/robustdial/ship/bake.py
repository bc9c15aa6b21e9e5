"""Shipping a run: one position of its dial as a plain network, measured, in files that say what they hold."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.attack import Attack, Cascade, FromAnother, Square, WorstOf
from robustdial.data import Source, balanced, unit
from robustdial.evaluate import Measured, Position, measure, point
from robustdial.method.threat import Ball
from robustdial.models import build, customary, known
from robustdial.own_code import is_place, named, own, taken
from robustdial.precision import full_precision
from robustdial.provenance import provenance
from robustdial.randomness import seeded
from robustdial.run import Experiment, told_of, training_part
from robustdial.ship.export import (
    FORMATS,
    MODEL_INFO,
    PREPROCESS,
    Facts,
    Format,
    Safetensors,
    card,
    feeding,
    model_info,
    module,
    public,
    public_name,
    speedup,
    write_checked,
)
from robustdial.ship.place import CARD, README, Place
from robustdial.typing import Json

SQUARE = Square(queries=200)
COMPARED, CALIBRATION = 64, 256
"""Test images on which a file is compared, and training images given to a format."""


@dataclass(frozen=True)
class Baked:
    """One position of the dial of a run.

    Attributes:
        experiment: the run.
        plain: its network there, without a dial, on the CPU and in evaluation mode.
        served: what it must equal: the dialed network at that position.
        facts: what a file will say of it.
    """

    experiment: Experiment
    plain: nn.Module
    served: nn.Module
    facts: Facts

    @property
    def about(self) -> dict[str, Json]:
        """The facts as JSON, and what tells this network from another one with the same facts."""
        digest = hashlib.sha256()
        for value in self.plain.state_dict().values():
            digest.update(value.contiguous().numpy().tobytes())
        facts = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self.facts).items()}
        parameters = sum(weight.numel() for weight in self.plain.parameters())
        forwards = int(getattr(self.plain, "forwards", 1))
        return facts | {"parameters": parameters, "forwards": forwards, "sha256": digest.hexdigest()}


def bake(experiment: Experiment, lam: float | None, width: float = 1.0) -> Baked:
    """The network of a run at one position of its dial; lam is None where there is no dial.

    Raises ValueError if there is no such position, or none was chosen.
    """
    plain, served = experiment.baked(lam, width), experiment.at(lam, width)
    plain.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    spec, data = _spec_at(experiment.about["model"], lam), experiment.about["data"]
    mean, std = (_normalisation(plain, name) for name in ("mean", "std"))
    stage = spec["width"] or customary(spec["name"])
    stage = None if stage is None else round(stage * width)
    background = experiment.run.background
    name = spec["name"] if known(spec["name"]) else public(spec["name"])
    call = _call(spec, data, stage)
    facts = Facts(name, stage, tuple(data["classes"]), tuple(data["shape"]), mean, std, lam, width, background, call)
    return Baked(experiment, plain, served, facts)


def _call(spec: Json, data: Json, stage: int | None) -> str:
    """How the user's file builds the network, as Python; empty where it does not."""
    if spec.get("foreign") or not is_place(spec["name"]):
        return ""
    offered = told_of(data) | ({} if stage is None else {"width": stage})
    given = ", ".join(f"{key}={value!r}" for key, value in taken(own(spec["name"], "--model"), offered).items())
    return f"{spec['name'].rpartition(':')[2]}({given})"


def _form(name: str, baked: Baked) -> Format:
    """A format; weights of a network that the user's file builds are read back into what that file builds."""
    form, about = FORMATS[name], baked.experiment.about
    if not baked.facts.call or not isinstance(form, Safetensors):
        return form
    place = _spec_at(about["model"], baked.facts.lam)["name"]
    return replace(form, fresh=lambda facts: build(place, **told_of(about["data"]), width=facts.stage))


def _spec_at(model: Json, lam: float | None) -> Json:
    """Which network a position is; at the ends of a dial between given networks, one of these."""
    ends: dict[float | None, Json] = dict(zip((0.0, 1.0), model.get("parts", ()), strict=False))
    return ends.get(lam, model)


def _normalisation(plain: nn.Module, name: str) -> tuple[float, ...]:
    """What the first layer holds per channel, which in pretrained networks is their own; nothing if there is none."""
    first = dict(plain.named_children()).get("normalize", nn.Module())
    return tuple(round(v, 6) for v in dict(first.named_buffers()).get(name, torch.zeros(0)).flatten().tolist())


def place_of(baked: Baked) -> Path:
    """The customary folder of what is baked from a run, by the position: `baked/lam0.2-width0.5`."""
    lam, width = baked.facts.lam, baked.facts.width
    name = "plain" if lam is None else f"lam{lam:g}"
    return baked.experiment.folder / "baked" / (name if width == 1.0 else f"{name}-width{width:g}")


def files_in(place: Place, baked: Baked) -> dict[str, Json]:
    """What the card at a place says of files of the same network; nothing if there is none.

    Raises ValueError if it is of another network (a card must not speak for files that it was not made with), if a file
    is there that no card speaks for, or if the folder is a file or holds a run.
    """
    out, name = place.folder, place.name(CARD)
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file. Choose another --out.")
    if place.file is None and (out / record.RUN).exists():
        raise ValueError(f"{out} holds a run, whose files are not to be mixed with others. Choose another --out.")
    if not (out / name).exists():
        if place.file is not None and (out / place.file).exists():
            raise ValueError(f"{out / place.file} is there already, and {name} beside it is not. Choose another --out.")
        return {}
    about = record.read_json(out / name, form=record.BAKED)
    if {"background": "white", "call": "", **about.get("network", {})} != baked.about:
        where = out if place.file is None else out / place.file
        raise ValueError(f"{where} holds another network. Choose another --out, or delete it.")
    return {name: file for name, file in about["files"].items() if (out / name).exists()}


def write(baked: Baked, name: str, out: Path) -> dict[str, Json]:
    """Write the format `name` into the folder `out`; what the card will say of the file.

    Raises ValueError if the file, read back, does not compute what the dialed network computes.
    """
    form, data, device = _form(name, baked), baked.experiment.data, baked.experiment.state.device
    seen = some(data.test, COMPARED)
    images = seen if form.tolerance is not None else some(training_part(data), CALIBRATION)
    with full_precision():
        parity = write_checked(
            form, baked.plain, baked.facts, out / form.file, images, lambda x: baked.served(x.to(device)), seen
        )
    size = (out / form.file).stat().st_size
    return {"format": name, "bytes": size, "tolerance": form.tolerance, "parity": parity._asdict()}


def measured(baked: Baked, attack: Attack, source: Source, seed: int = 0) -> dict[str, Json]:
    """Clean and robust accuracy of the plain network itself on the images of `source`, in float32."""
    experiment, device = baked.experiment, baked.experiment.state.device
    network = copy.deepcopy(baked.plain).to(device)
    with full_precision(), seeded(seed, device):
        found = measure(network, source, attack, experiment.method.threat)
    return _point(baked, found, attack) | {"seed": seed}


def measured_rounded(
    baked: Baked, name: str, attack: Attack, source: Source, out: Path, seed: int = 0
) -> dict[str, Json]:
    """The same of a file that is another network, and how much faster it is than the float32 network in ONNX.

    The attack is made on the plain network and carried over; what still stands is attacked by Square, or by random
    draws where Square cannot move: neither needs a gradient. The queries are few: they cost about as much as PGD-20.
    """
    form, experiment = FORMATS[name], baked.experiment
    device = experiment.state.device
    f, plain = form.open(out / form.file), copy.deepcopy(baked.plain).to(device)
    threat = experiment.method.threat
    blind = SQUARE if isinstance(threat, Ball) else WorstOf(SQUARE.queries)
    words = f"{attack.name} on the float32 network, then {blind.name} on this one"
    with full_precision(), seeded(seed, device):
        found = measure(f, source, Cascade((FromAnother(plain, attack), blind), words), threat)
    x, fast = some(source, COMPARED), FORMATS["onnx"]
    return {
        "measured": _point(baked, found, attack) | {"seed": seed, "attack": words},
        "speedup": {"over": fast.file, "batch": len(x), "ratio": speedup(f, fast.open(out / fast.file), x)},
    }


def put_in_place(baked: Baked, point: Mapping[str, Json], made: Mapping[str, Json], stage: Path, place: Place) -> Json:
    """Move what was made in `stage` to its place, with a card of these files and those that are there; what it says.

    Raises ValueError, and moves nothing, if there are files of another network by now.
    """
    for name in made:
        (stage / name).rename(stage / place.name(name))
    card_name = place.name(CARD)
    with record.changing(place.folder / card_name):
        files = {**files_in(place, baked), **{place.name(name): file for name, file in made.items()}}
        about = write_card(baked, point, files, stage, place)
        names = sorted((path.name for path in stage.iterdir()), key=lambda name: (name == card_name, name))
        record.put_in_place(stage, place.folder, names)
    return about


def write_card(
    baked: Baked, point: Mapping[str, Json], files: Mapping[str, Json], out: Path, place: Place
) -> dict[str, Json]:
    """Write the card into `out` as JSON, in words and as the Python that feeds the network, under the names of a place,
    and what RobustBench asks for where its file is; the first of them."""
    facts = baked.facts
    about = {
        "network": baked.about,
        "input": feeding(facts.shape, facts.background),
        "run": _run(baked.experiment),
        "measured": dict(point),
        **_under_each(baked),
        "files": dict(files),
        **{key: value for key, value in provenance().items() if key in ("created", "versions", "commit")},
    }
    record.write_json(out / place.name(CARD), about)
    if FORMATS["robustbench"].file in about["files"]:
        record.write_json(out / MODEL_INFO, model_info(about))
    record.write_text(out / place.name(PREPROCESS), module(facts.shape, facts.classes, facts.background))
    record.write_text(out / place.name(README), card(about, FORMATS, place.name(PREPROCESS)))
    return about


def some(source: Source, number: int) -> Tensor:
    """A class-balanced choice of images, the same at every call, `[N, C, H, W]` in [0, 1] on the CPU."""
    chosen = balanced(source.labels, number, torch.Generator().manual_seed(0))
    x, _ = next(source.batches([chosen]))
    return unit(x).cpu()


def _point(baked: Baked, found: Measured, attack: Attack) -> dict[str, Json]:
    at, method = Position(baked.facts.lam, baked.facts.width), baked.experiment.method
    return point(found, attack, method.threat, at, method.dial.trained(*at))


def _under_each(baked: Baked) -> dict[str, Json]:
    """`several`: the latest evaluation of this network under several norms in `score.json`; nothing without one."""
    path = baked.experiment.folder / record.SCORE
    scores = record.read_json(path)["scores"] if path.exists() else []
    weights = record.fingerprint(baked.experiment.state.served.state_dict())
    this = (baked.facts.lam, baked.facts.width, weights)
    found = [s for s in scores if "norms" in s and (s["lam"], s["width"], s["weights"]) == this]
    kept = ("attack", "n", "norms", "average", "robust", "robust_interval")
    return {"several": {key: found[-1][key] for key in kept}} if found else {}


def _run(experiment: Experiment) -> dict[str, Json]:
    about = experiment.about
    return {
        "recipe": named(about["recipe"]),
        "knobs": public(about["knobs"]),
        "method": public(about["method"]),
        "data": public_name(about["data"]["name"]),
        "train": about["data"]["train"],
        "unlabelled": about["data"].get("unlabelled", 0),
        "extra": about["data"].get("extra", {}).get("images", 0),
        "test": about["data"]["test"],
        "notes": list(experiment.data.notes),
        "additional_data": None if "published" in about else _additional_data(about["run"]),
        "epochs": about["run"].get("epochs", 0),
        "seed": about["run"]["seed"],
        "checkpoint": experiment.checkpoint,
        **({"published": about["published"]} if "published" in about else {}),
    }


def _additional_data(run: Json) -> bool | None:
    """Whether other data than its own went into the weights; None where another run had a part in them."""
    if run.get("pretrained") or run.get("unlabelled") or run.get("extra"):
        return True
    return None if "epochs" not in run or run.get("start") or run.get("teacher") else False
