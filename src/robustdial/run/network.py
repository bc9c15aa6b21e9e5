"""The network of a run, made anew or opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.checks import checked
from robustdial.checks import device as device_of
from robustdial.data import Data
from robustdial.dial import CannotNarrow, kind_of, no_images
from robustdial.logits import logits_of
from robustdial.method import Method
from robustdial.models import build
from robustdial.models.foreign import fill, load_foreign
from robustdial.models.weights_file import holds_weights
from robustdial.models.zoo import classes_of
from robustdial.own_code import is_place
from robustdial.recipes import recipe
from robustdial.run.about import read_about
from robustdial.run.settings import Run, is_network
from robustdial.training.checkpoint import load_weights
from robustdial.typing import Json


@checked
def open_model(folder: str | Path, device: str = "cpu") -> nn.Module:
    """The best network of a run folder, in evaluation mode: `open_model("runs/x").at(0.4)` is a plain `f(x)`.

    The data is not needed; what the network must know of it stands in `run.json`.
    """
    place = device_of("device", device)
    about = read_about(Path(folder))
    _, tensors = best_weights(Path(folder))
    model = untrained(about)
    load_weights(model, tensors)
    model.to(place).eval()
    return model


def untrained(about: Mapping[str, Json]) -> nn.Module:
    """The network that a `run.json` describes, with fresh weights."""
    return model_of(
        about["model"] | {"pretrained": False, "start": None}, about["data"], recipe(about["recipe"])(**about["knobs"])
    )


def model_of(spec: Mapping[str, Json], data: Mapping[str, Json], method: Method) -> nn.Module:
    """A network of the kind `spec` for images of the kind `data`, with the dial of `method`."""
    networks = [_plain(part, data) for part in spec.get("parts", [spec])]
    # two networks were tried with their weights when they were mixed; fresh ones may well have no gradient
    example = None if "parts" in spec else torch.zeros(2, *data["shape"])
    try:
        return method.dial.put_on(*networks, example=example)
    except CannotNarrow as error:
        raise ValueError(f"{error.fact} Give --widths 1, or another --model.") from error


def _plain(spec: Mapping[str, Json], data: Mapping[str, Json]) -> nn.Module:
    """A network without a dial, with the weights it begins with."""
    if spec.get("foreign"):
        return load_foreign(spec["name"], None, images=told_of(data))
    plain = _built(spec, data)
    if spec.get("start"):
        _begin(plain, Path(spec["start"]))
    return plain


def numbers_asked(about: Mapping[str, Json]) -> int:
    """How many numbers the network that a `run.json` describes holds, found without making room for them.

    Zero where it cannot be told: some networks of timm, and of users, look at their numbers while they are built.
    """
    plan, model, data = recipe(about["recipe"])(**about["knobs"]).dial, about["model"], about["data"]
    described = model.get("parts", [model])
    if any(part.get("foreign") or is_place(part["name"]) for part in described):
        return 0
    try:
        with torch.device("meta"):
            parts = [_built(part | {"pretrained": False}, data) for part in described]
    except (RuntimeError, NotImplementedError):
        return 0
    # the dial looks at numbers when it is put on, and meta tensors have none: its codes are counted by themselves
    codes = len(plan.lambdas) * int(about["knobs"].get("code") or 0)
    weights: int = sum(value.numel() for part in parts for value in part.state_dict().values())
    return codes + weights


def _built(spec: Mapping[str, Json], data: Mapping[str, Json]) -> nn.Module:
    return build(spec["name"], **told_of(data), width=spec["width"], pretrained=spec.get("pretrained", False))


def told_of(data: Mapping[str, Json]) -> dict[str, Any]:
    """What a network is told of its images while it is built."""
    return {"classes": len(data["classes"]), "shape": tuple(data["shape"]), "mean": data["mean"], "std": data["std"]}


def best_weights(folder: Path) -> tuple[str, dict[str, Tensor]]:
    """Name and tensors of the best checkpoint; of the last one before any epoch was finished."""
    path = folder / record.BEST
    path = path if path.exists() else folder / record.LAST
    tensors, _ = record.read_tensors(path, "Delete it, and the newest network of the run is used, or train again.")
    return path.stem, tensors


def is_run(start: Path) -> bool:
    """Whether what to start from is a run, and not weights in a file or a folder.

    Raises FileNotFoundError where there is nothing, ValueError for a file of a run, of which more is known.
    """
    if not start.exists():
        raise FileNotFoundError(f"--start {start}: there is no such run folder, and no such file. Name another.")
    if start.is_file() and (start.parent / record.RUN).exists():
        raise ValueError(f"--start {start} is a file of a run. Give the run itself: --start {start.parent}")
    return (start / record.RUN).exists() or not holds_weights(start)


def _begin(net: nn.Module, folder: Path) -> None:
    """Give `net` the weights of the network of a run, or of a file. Raises ValueError if it is another network."""
    if not is_run(folder):
        fill(net, folder)
        return
    plain = plain_of(open_model(folder))
    try:
        load_weights(net, {f"model.{name}": value for name, value in plain.state_dict().items()})
    except ValueError as error:
        raise ValueError(
            f"--start {folder}: that run has another network ({str(error).partition(': ')[2].partition('.')[0]}...). "
            "Give --model, --model-width and --data as there."
        ) from None


def plain_of(found: nn.Module) -> nn.Module:
    """A network, at its clean end if it has a dial."""
    kind = kind_of(found)
    return kind.bake(found, kind.lambdas[0], kind.widths[-1], no_images)


def frozen_network(folder: str | Path, device: torch.device) -> nn.Module:
    """The network of a run, at its clean end if it has a dial, in evaluation mode; it is not trained."""
    return plain_of(open_model(folder, str(device))).requires_grad_(False)


def teacher_of(run: Run, data: Data, device: torch.device) -> nn.Module:
    """The teacher of a run, in evaluation mode; it is not trained.

    Raises ValueError if it is a network of other classes, or its weights do not fit.
    """
    name = str(run.teacher)
    if not is_network(name):
        return frozen_network(name, device)
    offered = run.teacher_weights is None and not is_place(name)
    if offered and (known := classes_of(name.removeprefix("timm:"))) != len(data.classes):
        raise ValueError(
            f"--teacher {name}: the weights that timm offers know {known} classes; here they are {len(data.classes)}. "
            "Give --teacher-weights of this network trained on these classes."
        )
    model = build(name, classes=len(data.classes), shape=data.shape, mean=data.mean, std=data.std, pretrained=offered)
    if run.teacher_weights is not None:
        fill(model, Path(run.teacher_weights))
    model.to(device).eval().requires_grad_(False)
    answers = logits_of(model(torch.zeros(1, *data.shape, device=device))).shape[1]
    if answers != len(data.classes):
        raise ValueError(
            f"--teacher {name} answers for {answers} classes; here they are {len(data.classes)}. Give one that was "
            "trained on the same classes."
        )
    return model
