"""The tensors in a file of weights that somebody brings: safetensors, alone or in parts, and what else it may be."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

_INDEX, _PART = ".safetensors.index.json", re.compile(r"-\d+-of-\d+\.safetensors$")
_LOOKED_AT = 512  # bytes that tell what a file is
_LFS = b"version https://git-lfs"
_ANEW = (
    "import sys, torch; from safetensors.torch import save_file; "
    'd = torch.load(sys.argv[1], "cpu", weights_only=True); d = d.state_dict() if hasattr(d, "state_dict") else d; '
    'k = next((k for k in ("state_dict", "model_state_dict", "model", "net", "ema") if k in d), None); '
    'print("key:", k); '
    "save_file({n: v.clone().contiguous() for n, v in d.get(k, d).items() if torch.is_tensor(v)}, sys.argv[2])"
)


def holds_weights(path: Path) -> bool:
    """Whether `read_weights` has something to read at `path`: a file, or a folder of safetensors."""
    return path.is_file() or any(path.glob("*.safetensors"))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; of a file in parts, by its index; or of the one that a folder holds.

    Raises FileNotFoundError if there is none, or ValueError, with what to do, if it is something else: a pickle is
    never opened.
    """
    path = _in_folder(path) if path.is_dir() else path
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Name the safetensors file of the weights.")
    if path.name.endswith(_INDEX):
        return {name: value for part in _parts(path) for name, value in _read(part).items()}
    if _PART.search(path.name):
        raise ValueError(f"{path} is one part of several. Name the folder of all of them, or their *{_INDEX}.")
    return _read(path)


def _in_folder(folder: Path) -> Path:
    whole = [*folder.glob(f"*{_INDEX}")] or [*folder.glob("*.safetensors")]
    if len(whole) != 1:
        names = ", ".join(sorted(path.name for path in whole)[:5])
        held = f"holds {names}. Name one of them." if whole else "holds no safetensors. Name the file of the weights."
        raise FileNotFoundError(f"The folder {folder} {held}")
    return whole[0]


def _parts(index: Path) -> list[Path]:
    try:
        names = sorted({*json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
        lacking = [name for name in names if not (index.parent / name).is_file()]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{index} is damaged or no index of safetensors. Get it anew.") from None
    if lacking:
        raise FileNotFoundError(f"{index} names {lacking[0]}, which is not beside it. Get all of its parts.")
    return [index.parent / name for name in names]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError:
        raise ValueError(_what_it_is(path)) from None


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        begin = file.read(_LOOKED_AT)
    if begin.startswith(b"\x80") or (begin.startswith(b"PK") and b"data.pkl" in begin):
        return (
            f"{path} is a file of torch.save, and a pickle is never opened. Write its weights anew: "
            f"python -c {shlex.quote(_ANEW)} {shlex.quote(str(path))} weights.safetensors (where torch refuses, since "
            "it holds more than tensors: weights_only=False, if you trust its author)."
        )
    if begin.startswith(_LFS):
        return f"{path} is a pointer of Git LFS, not the weights. Get these with: git lfs pull"
    how = "is empty" if not begin else "is damaged, cut short, or of another format"
    remedy = "Get it anew, or write it with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
    return f"{path} {how}. {remedy}"
