"""A realistic run folder: digits, a dial of six trained lambdas and two between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from robustdial import record

LAMS = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
CLEAN = (0.9944, 0.9917, 0.9889, 0.9861, 0.9833, 0.9778)
ROBUST = (0.025, 0.192, 0.311, 0.397, 0.45, 0.569)


def wilson(share: float, n: int) -> list[float]:
    z = 1.96
    middle, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return [float((middle - half) / (1 + z * z / n)), float((middle + half) / (1 + z * z / n))]


def point(lam: float | None, clean: float, robust: float, trained: bool = True, width: float = 1.0) -> dict[str, Any]:
    intervals = {"clean_interval": wilson(clean, 360), "robust_interval": wilson(robust, 360)}
    measured = {"n": 360, "attack": "pgd-20", "eps": 0.3, "trained": trained}
    return {"lam": lam, "width": width, "clean": clean, "robust": robust} | intervals | measured


def points() -> list[dict[str, Any]]:
    trained = [point(*row) for row in zip(LAMS, CLEAN, ROBUST, strict=True)]
    return [*trained[:-1], point(0.6, 0.9806, 0.508, False), point(0.8, 0.9792, 0.544, False), trained[-1]]


def run(name: str) -> dict[str, Any]:
    step = {"type": "Step", "size": 0.0, "spread": 1.25}
    return {
        "name": name,
        "created": "2025-03-04T10:11:12+00:00",
        "recipe": "oat",
        "knobs": {"eps": 0.3, "steps": 7, "spread": 1.25, "lambdas": list(LAMS)},
        "method": {
            "type": "Method",
            "threat": {"type": "Linf", "eps": 0.3},
            "solver": {"type": "PGD", "step": step, "noise": 1.0, "mode": "eval"},
            "schedule": {"type": "Constant", "passes": 8},
            "objective": {"type": "Blend"},
            "dial": {"type": "Dials", "lambdas": list(LAMS), "widths": [1.0]},
        },
        "data": {
            "name": "digits",
            "classes": [str(c) for c in range(10)],
            "shape": [1, 8, 8],
            "train": 1294,
            "val": 143,
            "test": 360,
            "notes": [],
        },
        "model": {"name": "small_cnn", "width": 32, "parameters": 61834},
        "run": {"epochs": 30, "batch": 128, "lr": 0.1, "seed": 0, "precision": "float32", "device": "cpu"},
        "versions": {"robustdial": "0.1.0", "torch": "2.9.0", "python": "3.12.3"},
        "machine": {"cpu": "Example CPU at 2.9 GHz", "cores": 2, "gpu": None},
        "commit": "0123abc",
        "command": "robustdial train oat --eps 0.3 --run.data digits --run.epochs 30",
    }


def epochs(count: int) -> list[dict[str, Any]]:
    noise = np.random.default_rng(0).normal(0, 0.012, size=(count, 10))

    def one(e: int) -> dict[str, Any]:
        done = 1 - np.exp(-5 * (e + 1) / count)
        val = [
            {"lam": lam, "clean": min(1, clean * done + noise[e, i] / 4), "robust": max(0, robust * done + noise[e, i])}
            for i, (lam, clean, robust) in enumerate(zip(LAMS, CLEAN, ROBUST, strict=True))
        ]
        return {
            "epoch": e + 1,
            "passes": 8,
            "loss": 2.3 - 1.8 * done + noise[e, 6],
            "clean": 0.99 * done + noise[e, 7] / 3,
            "adv": 0.52 * done + noise[e, 8],
            "gradient": 1.2 + e / count,
            "lr": 0.05 * (1 + np.cos(np.pi * e / count)),
            "seconds": 1.9 + 4 * noise[e, 9],
            "images": 1294,
            "val": val,
            "score": 0.74 * done,
        }

    return [one(e) for e in range(count)]


def pictures(channels: int = 1) -> dict[str, torch.Tensor]:
    rng, kept = np.random.default_rng(1), [0, 1, 2, 13, 24, 5, 16, 7]
    digits = load_digits()
    clean = np.repeat(digits.images[kept][:, None] * 255 / 16, channels, axis=1)
    labels = digits.target[kept]
    signs = rng.choice([-1, 1], size=(len(LAMS), *clean.shape))
    adv = np.clip(clean + signs * (0.3 * 255), 0, 255)
    fooled = rng.random((len(LAMS), 8)) > np.array(ROBUST)[:, None]
    pred_adv = np.where(fooled, (labels + 3) % 10, labels)
    return {
        "clean": torch.tensor(clean.round().astype("uint8")),
        "labels": torch.tensor(labels),
        "lams": torch.tensor(LAMS),
        "adv": torch.tensor(adv.round().astype("uint8")),
        "pred_clean": torch.tensor(np.tile(labels, (len(LAMS), 1))),
        "pred_adv": torch.tensor(pred_adv),
        "conf_clean": torch.tensor(rng.uniform(0.9, 1, (len(LAMS), 8)), dtype=torch.float32),
        "conf_adv": torch.tensor(rng.uniform(0.4, 0.95, (len(LAMS), 8)), dtype=torch.float32),
    }


def frontier(measured: list[dict[str, Any]]) -> dict[str, Any]:
    return {"points": measured, "checkpoint": "best", "precision": "float32", "seconds": 12.1}


def write(folder: Path, **parts: Any) -> Path:
    """Write a run folder from `run`, `epochs`, `frontier` and `pictures`; a part that is not given is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in parts.keys() & {"run", "frontier"}:
        record.write_json(folder / f"{name}.json", parts[name])
    for epoch in parts.get("epochs", []):
        record.append_epoch(folder, epoch)
    if "pictures" in parts:
        record.write_tensors(folder / record.PICTURES, parts["pictures"], {"attack": "pgd-20"})
    return folder


def whole() -> dict[str, Any]:
    return {"run": run("demo"), "epochs": epochs(30), "frontier": frontier(points()), "pictures": pictures()}


@pytest.fixture
def parts() -> dict[str, Any]:
    """What a finished run leaves, to be changed by a test and handed to `build`."""
    return whole()


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """`build(**parts)` writes a run folder and names it."""
    return partial(write, tmp_path / "demo")


@pytest.fixture
def make_point() -> Callable[..., dict[str, Any]]:
    """`make_point(lam, clean, robust, trained, width)` is one measured point."""
    return point


@pytest.fixture
def make_pictures() -> Callable[[int], dict[str, torch.Tensor]]:
    """`make_pictures(channels)` are digits with attacks at six lambdas."""
    return pictures
