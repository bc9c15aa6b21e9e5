"""A trained network with its dial on the Hugging Face Hub, or in a folder of the same form.

The form is that of `PyTorchModelHubMixin`: `config.json`, `model.safetensors`, `README.md`. The mixin itself is not
used: it says nothing of weights that do not fit, and unpickles a file where there is no safetensors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from robustdial import record
from robustdial.checks import checked
from robustdial.models import known
from robustdial.own_code import is_place, named
from robustdial.run import is_stranger, numbers_asked, open_model, read_about, unknown, untrained
from robustdial.ship.export import PREPROCESS, dial_card, module, need, public, public_name
from robustdial.ship.zoo import shipped
from robustdial.training.checkpoint import load_weights
from robustdial.typing import Json

CONFIG, WEIGHTS, README = "config.json", "model.safetensors", "README.md"
_OTHERWISE = "It should be a folder that save_pretrained wrote, or user/name on the hub."
_LARGEST = 2**24  # values of an image
_ROOM, _SLACK = 2, 10**6  # what a network may ask for: so many times what the file holds, and so many numbers more
_DIVIDED = ("limit", "val", "labelled", "size", "label", "image", "background")
_KEPT = {
    "model": ("name", "width", "parameters", "parts"),
    "data": ("name", "classes", "shape", "mean", "std", "train", "val", "test", "labels", "unlabelled", "extra"),
    "run": ("epochs", "seed", "precision", *_DIVIDED),
}

_OF_A_POINT = ("lam", "width", "clean", "robust", "n", "attack", "threat", "eps")


@checked
def save_pretrained(run: str | Path, folder: str | Path, name: str | None = None) -> None:
    """Write the best network of a run as a folder that can be published.

    Args:
        run: folder of the run.
        folder: to write to; files of the same names are replaced.
        name: under which others will load it, for the card; by default the folder.
    """
    run, folder = Path(run), Path(folder)
    about = read_about(run)
    own = _own_code(about["recipe"], about["model"])
    if own is not None:
        raise ValueError(f"{run}: {own}. Bake a position instead: robustdial bake.")
    model = open_model(run)
    points = _points(run, model, about["data"]["name"])
    with record.staged(folder) as stage:
        record.write_sealed(stage / WEIGHTS, model.state_dict(), {"format": "pt"})
        record.write_json(stage / CONFIG, _config(about, points))
        fed = (about["data"]["shape"], about["data"]["classes"], about["run"].get("background", "white"))
        record.write_text(stage / PREPROCESS, module(*fed))
        record.write_text(stage / README, dial_card(about, points, name or str(folder)))
        record.put_in_place(stage, folder, [WEIGHTS, CONFIG, PREPROCESS, README])


def _config(about: Mapping[str, Json], points: Iterable[Json]) -> dict[str, Json]:
    """What a network is built from again, and what was measured of it."""
    config = {part: {key: about[part][key] for key in keys if key in about[part]} for part, keys in _KEPT.items()}
    if "parts" in config["model"]:
        config["model"]["parts"] = [
            {"name": part["name"], "width": part["width"], "held_out": not is_stranger(part)}
            for part in about["model"]["parts"]
        ]
    config["data"]["name"] = public_name(about["data"]["name"])
    kept = [{key: point[key] for key in _OF_A_POINT} for point in points]
    return {"recipe": about["recipe"], "knobs": public(about["knobs"]), **config, "points": kept}


def _own_code(recipe: str, model: Json) -> str | None:
    """Which recipe or network a function of somebody's file makes, in words: nothing from a hub is executed."""
    kept = "which is not published with a network, nor run from one"
    if is_place(recipe):
        return f"{named(recipe)} is a recipe in a file of its own, {kept}"
    for part in (model, *model.get("parts", ())):
        if part.get("foreign") or (":" in part["name"] and not known(part["name"])):
            return f"{named(part['name'])} is built by code of its own, {kept}"
    return None


def _points(run: Path, model: nn.Module, name: str) -> list[Json]:
    """What was measured of these very weights on the run's data: nothing of a run that was trained further since."""
    path = run / record.FRONTIER
    about = record.read_json(path, form=record.MEASURED_POINTS) if path.exists() else {}
    current = about.get("weights") == record.fingerprint(model.state_dict())
    own = about.get("dataset", name) == name
    return list(about["points"]) if current and own else []


@checked
def from_pretrained(name: str | Path, revision: str | None = None) -> nn.Module:
    """A network in evaluation mode, from a folder or the hub: `from_pretrained("user/name").at(0.4)` is a plain `f(x)`.

    Nothing of it is executed or unpickled; what does not fit is refused.

    Args:
        name: a folder that `save_pretrained` wrote, one that comes with the package (`robustdial zoo` lists them), or
            `user/name` on the hub.
        revision: branch, tag or commit on the hub; the newest by default.

    Raises:
        ValueError: the files are damaged, are not of this library, or huggingface_hub is not installed.
        ConnectionError: they cannot be fetched.
    """
    return published(name, revision)[1]


def published(name: str | Path, revision: str | None = None) -> tuple[dict[str, Json], nn.Module]:
    """What is said of a network that was published, and the network; as `from_pretrained`."""
    folder = Path(name) if Path(name).is_dir() else shipped().get(str(name)) or _fetched(str(name), revision)
    try:
        config = record.read_json(folder / CONFIG, _OTHERWISE)
        wrong = _wrong_with(config, folder / WEIGHTS)
        if wrong is not None:
            raise ValueError(f"{name} does not hold a network of robustdial ({wrong}). {_OTHERWISE}")
        weights, _ = record.read_sealed(folder / WEIGHTS, _OTHERWISE)
    except OSError as error:
        raise ValueError(f"{name} does not hold a network of robustdial ({error}). {_OTHERWISE}") from None
    model = untrained(config)
    load_weights(model, {f"model.{key}": value for key, value in weights.items()})
    model.eval()
    return config, model


def _wrong_with(config: Mapping[str, Json], path: Path) -> str | None:
    """Why no network of this kind can be had from the weights in `path`, in words, before any room is made for one."""
    # before `unknown`, which would look at the recipe, and so run its file
    wrong = record.fault(config, record.NETWORK) or _own_code(config["recipe"], config["model"])
    wrong = wrong or unknown(config["recipe"], config["knobs"])
    if wrong is not None:
        return f"{CONFIG}: {wrong}"
    values = math.prod(config["data"]["shape"])
    if values > _LARGEST:
        return f"{CONFIG}: images of {values:,} values"
    try:
        asked, held = numbers_asked(config), sum(math.prod(shape) for shape, _ in record.kinds_in(path).values())
    except ValueError as error:
        return str(error)
    if asked > _ROOM * held + _SLACK:
        return f"{CONFIG} asks for a network of {asked:,} numbers, {path.name} holds {held:,}"
    return None


@checked
def push_to_hub(run: str | Path, name: str, private: bool = False) -> str:
    """Publish the best network of a run as `user/name` on the hub; the address.

    Raises:
        ValueError: `name` has another form, or huggingface_hub is not installed.
        ConnectionError: the hub cannot be reached, or does not know you.
    """
    if name.count("/") != 1 or not all(name.split("/")):
        raise ValueError(f"{name!r} is not a name on the hub. Write it as user/name.")
    hub = need("huggingface_hub", "hf")
    with TemporaryDirectory() as folder:
        save_pretrained(run, folder, name)
        with _online(name):
            api = hub.HfApi()
            api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(repo_id=name, folder_path=folder, commit_message="A network with its dial")
    return f"https://huggingface.co/{name}"


def _fetched(name: str, revision: str | None) -> Path:
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise FileNotFoundError(f"There is no folder {name}. {_OTHERWISE}")
    hub = need("huggingface_hub", "hf")
    with _online(name):
        wanted = [CONFIG, WEIGHTS, PREPROCESS, README]
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=wanted))


@contextmanager
def _online(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        raise
    except Exception as error:  # the hub lets through the errors of whatever HTTP library it uses
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise ConnectionError(
            f"{name} on the Hugging Face Hub: {reason}. Check the name (there is no folder of this name here), be "
            "online, and log in with: hf auth login"
        ) from error
