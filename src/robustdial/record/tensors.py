"""Tensors with their description in one file, which knows what it holds.

The description of a checkpoint stands in the header of its own file, so that one rename replaces both, and so does a
digest of all of it. Files of earlier versions have no digest: they are read without that test.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from robustdial.record.disk import write_file
from robustdial.record.names import AGAIN, DESCRIBED
from robustdial.record.objects import write_json
from robustdial.typing import Json

_ABOUT, _DIGEST = "robustdial", "robustdial-sha256"
_UNREADABLE = (SafetensorError, ValueError, RuntimeError, TypeError, KeyError, AttributeError)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Json]) -> None:
    """Write tensors and their description atomically; the description is repeated in a JSON file beside them."""
    write_sealed(path, tensors, {_ABOUT: json.dumps(about, allow_nan=False)})
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
    tensors, header = read_sealed(path, remedy)
    try:
        about = json.loads(header[_ABOUT])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(_damaged(path, type(error).__name__, remedy)) from None
    if not isinstance(about, dict):
        raise ValueError(_damaged(path, "its description is no object", remedy))
    return tensors, about


def write_sealed(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors atomically as safetensors, with `header` and a digest of everything in its metadata."""
    alone = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    sealed = {**header, _DIGEST: _digest(alone, header)}
    write_file(path, lambda part: part.write_bytes(save(alone, sealed)))


def read_sealed(path: Path, remedy: str = AGAIN) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file. Raises ValueError if they are not what `write_sealed` wrote.

    A file without a digest, of an earlier version or of another program, is taken as it is.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
            # copies: what is looked at here is what is used, whatever happens to the file meanwhile
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except _UNREADABLE as error:
        raise ValueError(_damaged(path, type(error).__name__, remedy)) from None
    digest = header.pop(_DIGEST, None)
    if digest is not None and digest != _digest(tensors, header):
        raise ValueError(_damaged(path, "its content is not what its digest says", remedy))
    return tensors, header


def kinds_in(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of each tensor in a safetensors file, read from its header alone.

    Raises ValueError if it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in parts.items()}
    except _UNREADABLE as error:
        raise ValueError(_damaged(path, type(error).__name__, AGAIN)) from None


def misfits(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """Names of tensors that are in one of them only, or have another shape or type."""

    def fits(name: str) -> bool:
        if name not in found or name not in wanted:
            return False
        one, other = found[name], wanted[name]
        return (one.shape, one.dtype) == (other.shape, other.dtype)

    return [name for name in sorted(found.keys() | wanted.keys()) if not fits(name)]


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A short digest of names and values: other weights have another one, those of a dial whatever they say of it.

    >>> fingerprint({"w": torch.zeros(2)}) == fingerprint({"w": torch.zeros(2)}) != fingerprint({"w": torch.ones(2)})
    True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        if name == DESCRIBED:
            continue
        digest.update(name.encode())
        digest.update(_bytes(tensor.detach().cpu().contiguous()))
    return digest.hexdigest()[:16]


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Of names, types, shapes and values, and of what is said of them."""
    digest = hashlib.sha256()
    for part in _parts(tensors, header):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _parts(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    for key, text in sorted(header.items()):
        yield from (key.encode(), text.encode())
    for name, tensor in sorted(tensors.items()):
        yield from (name.encode(), str((tensor.dtype, tuple(tensor.shape))).encode(), _bytes(tensor))


def _bytes(tensor: Tensor) -> memoryview:
    flat: Any = tensor.reshape(-1).view(torch.uint8).numpy()
    return memoryview(flat)


def _damaged(path: Path, how: str, remedy: str) -> str:
    return f"{path} is damaged or not a file of robustdial ({how}). Nothing was loaded from it. {remedy}"
