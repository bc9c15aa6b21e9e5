"""A trained network with its dial on the Hugging Face Hub, or in a folder of the same form.

The form is that of `PyTorchModelHubMixin`: `config.json`, `model.safetensors`, `README.md`. The mixin itself is not
used: it says nothing of weights that do not fit, and unpickles a file where there is no safetensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from robustdial import record
from robustdial.run import open_model, untrained
from robustdial.ship.export import dial_card, need, public, public_name
from robustdial.training.checkpoint import load_weights
from robustdial.typing import Json

CONFIG, WEIGHTS, README = "config.json", "model.safetensors", "README.md"
_KEPT = {
    "model": ("name", "width", "parameters"),
    "data": ("name", "classes", "shape", "mean", "std", "train"),
    "run": ("epochs", "seed"),
}


def save_pretrained(run: str | Path, folder: str | Path, name: str | None = None) -> None:
    """Write the best network of a run as a folder that can be published.

    Args:
        run: folder of the run.
        folder: to write to; files of the same names are replaced.
        name: under which others will load it, for the card; by default the folder.
    """
    run, folder = Path(run), Path(folder)
    about, model = record.read_run(run), open_model(run)
    config = {part: {key: about[part][key] for key in keys} for part, keys in _KEPT.items()}
    config["data"]["name"] = public_name(about["data"]["name"])
    weights = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
    record.make_folder(folder)
    record.write_file(folder / WEIGHTS, lambda part: part.write_bytes(save(weights, {"format": "pt"})))
    record.write_json(folder / CONFIG, {"recipe": about["recipe"], "knobs": public(about["knobs"]), **config})
    record.write_text(folder / README, dial_card(about, _points(run, model), name or str(folder)))


def _points(run: Path, model: nn.Module) -> list[Json]:
    """What was measured of these very weights: of a run that was trained further since, nothing."""
    path = run / record.FRONTIER
    about = record.read_json(path, form=record.MEASURED_POINTS) if path.exists() else {}
    current = about.get("weights") == record.fingerprint(model.state_dict())
    return list(about["points"]) if current else []


def from_pretrained(name: str | Path, revision: str | None = None) -> nn.Module:
    """A network in evaluation mode, from a folder or the hub: `from_pretrained("user/name").at(0.4)` is a plain `f(x)`.

    Nothing of it is executed or unpickled; what does not fit is refused.

    Args:
        name: a folder that `save_pretrained` wrote, or `user/name` on the hub.
        revision: branch, tag or commit on the hub; the newest by default.

    Raises:
        ValueError: the files are damaged, are not of this library, or huggingface_hub is not installed.
        ConnectionError: they cannot be fetched.
    """
    folder = Path(name) if Path(name).is_dir() else _fetched(str(name), revision)
    try:
        config = record.read_json(folder / CONFIG)
        model = untrained(config)
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            weights = {f"model.{key}": file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (KeyError, TypeError, OSError, SafetensorError) as error:
        raise ValueError(
            f"{name} does not hold a network of robustdial ({type(error).__name__}: {error}). "
            "It should be a folder that save_pretrained wrote, or user/name on the hub."
        ) from None
    load_weights(model, weights)
    return model.eval()


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
    hub = need("huggingface_hub", "hf")
    with _online(name):
        return Path(hub.snapshot_download(name, revision=revision, allow_patterns=[CONFIG, WEIGHTS, README]))


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
