"""A realistic comparison of six methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from finished import run

from robustdial import record

# label, recipe, knobs, clean, robust under each attack, passes at the first and the last epoch, seconds, gradient
METHODS: list[tuple[str, str, dict[str, Any], float, tuple[float, float], tuple[int, int], float, float]] = [
    ("fgsm-rs", "fgsm-rs", {}, 0.571, (0.302, 0.288), (2, 2), 96.0, 9.0),
    ("free-8", "free", {"passes": 8}, 0.492, (0.341, 0.322), (8, 8), 371.0, 7.5),
    ("pgd-at", "pgd-at", {"steps": 7}, 0.523, (0.392, 0.371), (8, 8), 402.0, 8.1),
    ("m-deat", "m-deat", {"gamma": 1.01}, 0.551, (0.387, 0.362), (1, 6), 204.0, 12.0),
    ("trades", "trades", {"beta": 6.0}, 0.498, (0.398, 0.366), (11, 11), 655.0, 5.5),
    ("m-pgd", "m-pgd", {}, 0.547, (0.379, 0.358), (2, 7), 238.0, 11.0),
]
RUINED, UNFINISHED = "fgsm-rs", "trades"


def measured(mean: float, half: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half}


def comparison() -> dict[str, Any]:
    about = run("comparison")
    return {
        "data": about["data"] | {"name": "cifar10", "train": 9000, "test": 10000},
        "model": {"name": "resnet18", "width": 16, "parameters": 703866},
        "run": {"epochs": 15, "batch": 128, "lr": 0.1, "rate": "cosine", "precision": "float32", "device": "cpu"},
        "seeds": [0, 1, 2],
        "eps": 8 / 255,
        "threat": "Linf",
        "n": 1000,
        "checkpoint": "last",
        "attacks": ["pgd-20", "cw-20"],
        "rows": [method(*row) for row in METHODS],
        "interval": "95 % t-interval over seeds",
        "seconds_total": 5400.0,
        "command": "robustdial compare fgsm-rs free pgd-at m-deat trades m-pgd --seeds 0 1 2",
        **{key: about[key] for key in ("versions", "machine", "commit")},
    }


def method(
    label: str,
    recipe: str,
    knobs: dict[str, Any],
    clean: float,
    robust: tuple[float, float],
    passes: tuple[int, int],
    seconds: float,
    gradient: float,
) -> dict[str, Any]:
    done = label != UNFINISHED
    ruined = [label == RUINED and seed == 1 for seed in range(3)]
    trained = [progress(seed, clean, robust[0], passes, seconds, gradient, ruined[seed]) for seed in range(3)]
    return {
        "label": label,
        "recipe": recipe,
        "knobs": knobs,
        "complete": done,
        "clean": measured(clean, 0.014) if done else None,
        "robust": {"pgd-20": measured(robust[0], 0.011), "cw-20": measured(robust[1], 0.012)} if done else {},
        "passes": measured(sum(passes) / 2, 0.2 if passes[0] < passes[1] else 0.0),
        "seconds": measured(seconds, seconds / 40) if done else {"mean": None},
        "health": ["catastrophic overfitting in epoch 9" if ill else "healthy" for ill in ruined if done],
        "epochs": trained if done else [trained[0], trained[1][:6]],
    }


def progress(
    seed: int, clean: float, robust: float, passes: tuple[int, int], seconds: float, gradient: float, ruined: bool
) -> list[dict[str, Any]]:
    noise = np.random.default_rng(seed).normal(0, 0.008, size=(15, 2))

    def one(e: int) -> dict[str, Any]:
        done, lost = 1 - np.exp(-4 * (e + 1) / 15), ruined and e >= 8
        return {
            "epoch": e + 1,
            "passes": round(passes[0] + (passes[1] - passes[0]) * e / 14),
            "gradient": gradient * (1 + e / 10 + 5 * lost),
            "seconds": seconds / 15,
            "robust": 0.004 if lost else max(0.0, robust * done + noise[e, 0]),
            "clean": clean * done + noise[e, 1] + 0.2 * lost,
        }

    return [one(e) for e in range(15)]


def write_comparison(folder: Path, about: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    record.write_json(folder / record.COMPARE, about)
    return folder
