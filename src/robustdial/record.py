"""The run folder: what it holds, written atomically, read back with care. Knows nothing of training.

    runs/<name>/
      run.json              recipe, knobs, method, data, model, versions, machine, commit, command
      epochs.jsonl          one line per finished epoch
      last.safetensors      the whole training state; last.json repeats its description for a reader
      healthy.safetensors   the training state to go back to when a run with --on-trouble rollback fails
      troubles.jsonl        what went wrong, and what was done about it
      pseudo.safetensors    the labels that a teacher gave to unlabelled images; pseudo.json says which
      best.safetensors      the network that did best on the validation part; best.json likewise
      frontier.json         accuracy over lambda and width, and what each width costs
      choose.json           points on the validation part, and what was chosen among them
      *-before.json         either of these as it was under other conditions or earlier weights
      cross.json            accuracy where attack and network stand at different lambdas
      cross-rounds.*        what is known of each image of it, finished or not
      score.json            evaluations
      also.json             more columns of a comparison: in bad weather, under other threats
      standing/             what is known of each image of an evaluation, finished or not
      extremes-*            the images that fell most easily and stand most firmly in it
      pictures.safetensors  a few images with their adversaries
      report.html           all of it on one page

    runs/<generator>/       a generator
      generator.json        its settings, its data, machine, versions, commit, command
      average.safetensors   the network to use, an average over its training
      epochs.jsonl          one line per finished epoch
      last.safetensors      the whole training state
      samples.png           random images, and images beside what is made of them

    runs/<comparison>/      the runs of several methods and seeds, and over them
      compare.json          what they reached and what they cost
      report.html           all of it on one page

A file is first written beside its place and then renamed, so a reader, or a run that is killed, sees the old or the new
file, never a part. The description of a checkpoint stands in its own header, so that one rename replaces both.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from robustdial.typing import Json

RUN, EPOCHS, FRONTIER, SCORE = "run.json", "epochs.jsonl", "frontier.json", "score.json"
LAST, BEST, PICTURES, REPORT = "last.safetensors", "best.safetensors", "pictures.safetensors", "report.html"
COMPARE, ALSO, CHOOSE, CROSS = "compare.json", "also.json", "choose.json", "cross.json"
ROUNDS = "cross-rounds.safetensors"
GENERATOR, WEIGHTS, SAMPLES = "generator.json", "average.safetensors", "samples.png"
PSEUDO = "pseudo.safetensors"
HEALTHY, TROUBLES = "healthy.safetensors", "troubles.jsonl"
STANDING, EXTREMES = "standing", "extremes-{}.safetensors"
AGAIN = "Delete it, and give the command again that made it."
_HEADER = "robustdial"


def check_free(folder: Path) -> None:
    """Raises ValueError if a new run in `folder` would meet something that is there already."""
    for name, what in ((RUN, "run"), (COMPARE, "comparison"), (GENERATOR, "generator")):
        if (folder / name).exists():
            raise ValueError(f"{folder} already holds a {what}. Continue it with --resume, or choose another --out.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not an empty folder. Choose another --out.")


def create(folder: Path, name: str, about: Mapping[str, Json]) -> None:
    """Make a new folder with its `run.json` or `compare.json`. Raises ValueError if it is not free."""
    check_free(folder)
    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / name, about)


def read_run(folder: Path) -> dict[str, Json]:
    """`run.json` of a run folder. Raises FileNotFoundError where there is none."""
    if folder.is_file():
        raise FileNotFoundError(f"{folder} is a file. Name the folder of the run, such as {folder.parent}.")
    if not (folder / RUN).is_file():
        raise FileNotFoundError(
            f"{folder} is not a run folder: it has no {RUN}. Name another one, or train one with: robustdial train"
        )
    run = read_json(folder / RUN, "It cannot be made again: put a copy of it back, or train into a new folder.")
    missing = [key for key in ("recipe", "knobs", "data", "model", "run") if key not in run]
    if missing:
        raise ValueError(
            f"{folder / RUN} lacks {', '.join(missing)}: it was not written by this program. Train into a new folder."
        )
    return run


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none. Raises OSError, one line with the remedy."""
    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)


def write_json(path: Path, value: Json) -> None:
    """Write JSON atomically; numbers that JSON cannot hold (NaN, infinity) raise ValueError."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    write_file(path, lambda part: part.write_text(text, encoding="utf-8"))


def read_json(path: Path, remedy: str = AGAIN) -> dict[str, Json]:
    """Read a JSON object. Raises ValueError naming the file, and the remedy, if it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is damaged ({error}). {remedy}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is damaged (it holds no object). {remedy}")
    return found


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_file(path, lambda part: part.write_text(text, encoding="utf-8"))


def append_line(path: Path, line: Mapping[str, Json]) -> None:
    """Add a line to a file of JSON lines, through to the disk."""
    with _named(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
        _flush(file.fileno())


def read_lines(path: Path) -> list[dict[str, Json]]:
    """The lines of a file of JSON lines; none if there is no file.

    A line that a kill cut short is left out, and so is anything else that is no JSON.
    """
    if not path.is_file():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            lines.append(json.loads(line))
    return lines


def mend_lines(path: Path) -> list[dict[str, Json]]:
    """The lines of a file of JSON lines, after dropping one that a kill cut short: the next would be glued to it."""
    lines = read_lines(path)
    if path.is_file():
        write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
    return lines


def append_epoch(folder: Path, epoch: Mapping[str, Json]) -> None:
    """Add a line to `epochs.jsonl`, through to the disk."""
    append_line(folder / EPOCHS, epoch)


def read_epochs(folder: Path) -> list[dict[str, Json]]:
    """The finished epochs. A line that a kill cut short is left out."""
    return read_lines(folder / EPOCHS)


def keep_epochs(folder: Path, number: int) -> None:
    """Drop what was written after the first `number` epochs: a resumed run will write it again."""
    kept = read_epochs(folder)[:number]
    write_text(folder / EPOCHS, "".join(json.dumps(epoch) + "\n" for epoch in kept))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Json]) -> None:
    """Write tensors and their description atomically; the description is repeated in a JSON file beside them."""
    alone = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    header = {_HEADER: json.dumps(about, allow_nan=False)}
    write_file(path, lambda part: part.write_bytes(save(alone, header)))
    write_json(path.with_suffix(".json"), about)


def read_tensors(path: Path, remedy: str = AGAIN) -> tuple[dict[str, Tensor], dict[str, Json]]:
    """Tensors and description, as written by `write_tensors`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, is not safetensors (a pickle is never opened), or comes from another program; with
            the remedy.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no checkpoint {path}. Train first, or name another run folder.")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_HEADER])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged or not a file of robustdial ({type(error).__name__}). Nothing was loaded from it. "
            f"{remedy}"
        ) from None


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A short digest of names and values: other weights have another one.

    >>> fingerprint({"w": torch.zeros(2)}) == fingerprint({"w": torch.zeros(2)}) != fingerprint({"w": torch.ones(2)})
    True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def served_weights(folder: Path) -> str | None:
    """The fingerprint of the network that a run serves, its best or else its last; None where there is none.

    What was measured says of which weights it holds: after more training it is of others.
    """
    path = next((folder / name for name in (BEST, LAST) if (folder / name).exists()), None)
    if path is None:
        return None
    tensors, _ = read_tensors(path)
    return fingerprint(
        {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    )


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, push it to the disk, and rename it into place; nothing if it raises."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")  # pids repeat across machines
    try:
        with _named(path):
            write(part)
            with part.open("rb") as file:
                _flush(file.fileno())
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file that could not be written, and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = "Free some disk space" if error.errno == errno.ENOSPC else "Mend that"
        raise OSError(
            f"{path} could not be written ({error.strerror}). {remedy}, then try again, a training with --resume; "
            "nothing is lost."
        ) from None


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
