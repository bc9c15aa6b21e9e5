"""Small sets of three classes, on disk and in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from robustdial.data import Data, from_tensors, load, stream

CLASSES = ("ant", "bee", "cat")


def picture(k: int, n: int, mode: str = "RGB", size: tuple[int, int] = (16, 16)) -> Image.Image:
    """Picture n of class k: noise, so that no two are alike, brighter for each class."""
    noise = np.random.default_rng(1000 * k + n).integers(0, 80, (size[1], size[0], 3))
    return Image.fromarray((noise + 80 * k).astype(np.uint8)).convert(mode)


@pytest.fixture
def tensors() -> Callable[..., tuple[Tensor, Tensor]]:
    """`tensors(number, first)`: that many images of each class, as uint8 `[N, 3, 16, 16]`."""

    def make(number: int, first: int = 0) -> tuple[Tensor, Tensor]:
        arrays = [np.array(picture(k, first + n)) for k in range(3) for n in range(number)]
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2), torch.arange(3).repeat_interleave(number)

    return make


@pytest.fixture
def folder(tmp_path) -> Callable[..., Path]:
    """`folder(train=20, test=5)` writes PART/CLASS/n.png; `folder(**{".": 20})` writes CLASS/n.png."""

    def make(mode: str = "RGB", size: tuple[int, int] = (16, 16), **parts: int) -> Path:
        for place, (part, number) in enumerate(parts.items()):
            for k, name in enumerate(CLASSES):
                (tmp_path / "set" / part / name).mkdir(parents=True)
                for n in range(number):
                    picture(k, 100 * place + n, mode, size).save(tmp_path / "set" / part / name / f"{n}.png")
        return tmp_path / "set"

    return make


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """The library, with its cache in the folder of the test."""
    library = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return library


@pytest.fixture
def table(datasets) -> Callable[..., object]:
    """`table(number, first, extra=(type, values))`: a `datasets.Dataset` with columns image, label and further ones."""

    def make(number: int, first: int = 0, **extra: tuple[object, list]) -> object:
        rows = {
            "image": (datasets.Image(), [picture(k, first + n) for k in range(3) for n in range(number)]),
            "label": (datasets.ClassLabel(names=list(CLASSES)), [k for k in range(3) for _ in range(number)]),
        } | extra
        features = datasets.Features({column: kind for column, (kind, _) in rows.items()})
        return datasets.Dataset.from_dict({column: values for column, (_, values) in rows.items()}, features=features)

    return make


@pytest.fixture
def parquet(tmp_path, datasets) -> Callable[..., Path]:
    """`parquet(train=table, test=table)` writes PART.parquet into one folder."""

    def make(**parts: object) -> Path:
        (tmp_path / "tables").mkdir()
        datasets.disable_progress_bars()
        for part, rows in parts.items():
            rows.to_parquet(tmp_path / "tables" / f"{part}.parquet")
        datasets.enable_progress_bars()
        return tmp_path / "tables"

    return make


def in_memory(request) -> Callable[..., Data]:
    make = request.getfixturevalue("tensors")
    return partial(from_tensors, make(20), make(5, 100))


def in_memory_as_floats(request) -> Callable[..., Data]:
    make = request.getfixturevalue("tensors")
    return partial(from_tensors, *((x / 255, y) for x, y in (make(20), make(5, 100))))


def in_folders(request) -> Callable[..., Data]:
    return partial(load, f"folder:{request.getfixturevalue('folder')(train=20, test=5)}")


def in_one_folder(request) -> Callable[..., Data]:
    return partial(load, f"folder:{request.getfixturevalue('folder')(**{'.': 25})}")


def streamed(request) -> Callable[..., Data]:
    request.getfixturevalue("monkeypatch").setattr(stream, "RESIDENT_BYTES", 0)
    return in_folders(request)


def in_parquet_files(request) -> Callable[..., Data]:
    table, write = request.getfixturevalue("table"), request.getfixturevalue("parquet")
    return partial(load, f"parquet:{write(train=table(20), test=table(5, 100))}")


def in_one_parquet_file(request) -> Callable[..., Data]:
    table, write = request.getfixturevalue("table"), request.getfixturevalue("parquet")
    return partial(load, f"parquet:{write(all=table(25)) / 'all.parquet'}")


def on_the_hub(request) -> Callable[..., Data]:
    table, library = request.getfixturevalue("table"), request.getfixturevalue("datasets")
    splits = {"train": table(20), "test": table(5, 100)}
    request.getfixturevalue("monkeypatch").setattr(library, "load_dataset", lambda name: splits)
    return partial(load, "hf:someone/insects")


KINDS = {
    "digits": lambda request: partial(load, "digits"),
    "tensors": in_memory,
    "floats": in_memory_as_floats,
    "folder": in_folders,
    "flat folder": in_one_folder,
    "stream": streamed,
    "parquet": in_parquet_files,
    "parquet file": in_one_parquet_file,
    "hub": on_the_hub,
}


@pytest.fixture(params=KINDS)
def bring(request) -> Callable[..., Data]:
    """`bring(limit=..., val=..., seed=...)` loads a set; a test that asks for this runs for every kind of source."""
    return KINDS[request.param](request)
