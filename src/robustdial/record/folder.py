"""A folder is begun, and said to be one of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from torch import Tensor

from robustdial.record.disk import (
    is_unfinished,
    make_folder,
    missing,
    put_in_place,
    remove_empty,
    staged,
    sweep,
    write_text,
)
from robustdial.record.errors import ANEW, RESUME, named
from robustdial.record.forms import TRAINED_RUN
from robustdial.record.lock import Hold, hold
from robustdial.record.names import BEST, COMPARE, CONFIG, GENERATOR, LAST, NEVER, RUN
from robustdial.record.objects import read_json, write_json
from robustdial.record.tensors import fingerprint, read_tensors, write_tensors
from robustdial.typing import Json

_OWNER = "robustdial"
"""Whose networks come with the package, by the first part of their names."""
_ANOTHER = "Choose another --{flag}"


def check_free(folder: Path, name: str | None = None, flag: str = "out") -> None:
    """Raises ValueError if something new in `folder` would meet what is there already.

    What a run that was killed while it began has left is in nobody's way.

    Args:
        folder: where it is to be.
        name: of the file that is to say what it is; None if what is there is never continued.
        flag: that chose the folder.
    """
    with named(folder, ANEW):
        empty = not folder.exists() or (folder.is_dir() and all(map(is_unfinished, folder.iterdir())))
    for there, what in ((RUN, "run"), (COMPARE, "comparison"), (GENERATOR, "generator")):
        if not empty and (folder / there).exists():
            remedy = f"Continue it with --resume, or choose another --{flag}" if there == name else _ANOTHER
            raise ValueError(f"{folder} already holds a {what}. {remedy.format(flag=flag)}.")
    if not empty:
        raise ValueError(f"{folder} exists and is not an empty folder. {_ANOTHER.format(flag=flag)}.")


def create(folder: Path, name: str, about: Mapping[str, Json]) -> Hold:
    """Make a new folder with its `run.json`, `compare.json` or `generator.json`, and hold it.

    Raises ValueError if it is not free. If it cannot be written, the folder is as it was.
    """
    check_free(folder, name)
    new = missing(folder)
    make_folder(folder, ANEW)
    held = opened(folder, ANEW)
    try:
        check_free(folder, name)  # another process may have begun meanwhile
        write_json(folder / name, about, ANEW)
    except BaseException:
        held.release()
        remove_empty(new)
        raise
    return held


def create_untrained(
    folder: Path, about: Mapping[str, Json], weights: Mapping[str, Tensor], texts: Mapping[str, str] | None = None
) -> None:
    """Make the folder of a run that no training here has made, with its network; all of it or, if that fails, nothing.

    Args:
        folder: new or empty.
        about: its `run.json`.
        weights: the state of its network.
        texts: further files, by name.
    """
    texts = texts or {}
    with staged(folder) as stage:
        named_so = {f"model.{name}": value for name, value in weights.items()}
        write_tensors(stage / BEST, named_so, {"epoch": 0, "score": 0.0, "val": []})
        write_json(stage / RUN, about)
        for name, text in texts.items():
            write_text(stage / name, text)
        put_in_place(stage, folder, [BEST, Path(BEST).with_suffix(".json").name, *texts, RUN])


def opened(folder: Path, again: str = RESUME) -> Hold:
    """Be the one process that trains in a folder, and sweep it. Raises ValueError if another one is at work there."""
    with named(folder, again):
        held = hold(folder)
    sweep(folder)
    return held


def read_run(folder: Path) -> dict[str, Json]:
    """`run.json` of a run folder. Raises FileNotFoundError where there is none."""
    if folder.is_file():
        raise FileNotFoundError(f"{folder} is a file. Name the folder of the run, such as {folder.parent}.")
    if not (folder / RUN).is_file():
        raise FileNotFoundError(f"{folder} is not a run folder: it has no {RUN}. {_otherwise(folder)}")
    return read_json(folder / RUN, NEVER, TRAINED_RUN)


def _runs_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{RUN}"))[:3]


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


def _otherwise(folder: Path) -> str:
    left = list(folder.iterdir()) if folder.is_dir() else []
    if left and all(map(is_unfinished, left)):
        return "It was stopped before it began: give its command again, without --resume."
    if (folder / COMPARE).is_file():
        return f"It is a comparison. Name one of its runs: {', '.join(map(str, _runs_in(folder))) or 'none has begun'}"
    if (folder / GENERATOR).is_file():
        return f"It is a generator. Train a network with it: robustdial train gat --generator {quote(str(folder))}"
    if (folder / CONFIG).is_file() or (not folder.exists() and folder.parts[:1] == (_OWNER,)):
        one, out = (quote(str(place)) for place in (folder, Path("runs") / folder.name))
        return f"Make one of this published network with: robustdial zoo {one} --out {out}"
    return "Name another one, or train one with: robustdial train"
