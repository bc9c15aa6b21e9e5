"""A realistic run folder: digits, a dial of six trained lambdas and two between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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


def costs(widths: tuple[float, ...]) -> dict[str, Any]:
    """What `frontier.json` says of costs: a network of width w has w * w of the work."""
    rows = [
        {
            "width": width,
            "parameters": round(131178 * width**2),
            "macs": round(1199360 * width**2),
            "latency": 3e-4 * width,
            "latency_quartiles": [2.8e-4 * width, 3.3e-4 * width],
        }
        for width in widths
    ]
    timing = {"batch": 1, "device": "cpu", "machine": "Example CPU at 2.9 GHz", "threads": 2}
    return {"costs": rows, "timing": timing, "dialed": {"parameters": 173546, "macs": 1240320}}


def cross() -> dict[str, Any]:
    """A `cross.json` of three lambdas, where the mixture is the worst adversary of a random one."""
    estimate = {"mean": 0.4, "low": 0.35, "high": 0.45}
    return {
        "lams": [0.0, 0.2, 1.0],
        "adversaries": [0.0, 0.2, 1.0, "mixture"],
        "width": 1.0,
        "matrix": [[0.1, 0.5, 0.55], [0.2, 0.4, 0.5], [0.3, 0.45, 0.48], [0.15, 0.4, 0.49]],
        "expected": [0.383, 0.367, 0.41, 0.347],
        "known": [estimate] * 3,
        "unknown": [estimate | {"mean": mean} for mean in (0.08, 0.38, 0.46)],
        "any": estimate | {"mean": 0.07},
        "random": estimate | {"mean": 0.347, "adversary": "mixture", "clean": 0.985},
        "per_image": estimate | {"mean": 0.33},
        "attack": "pgd-20",
        "threat": "Linf",
        "eps": 0.3,
        "n": 360,
        "seed": 0,
    }


def score(lam: float | None = 0.4, clean: float = 0.96, robust: float = 0.47, **more: Any) -> dict[str, Any]:
    """An entry of `score.json`: 100 images under a whole attack of two stages, with nothing optional but `more`."""
    stood = [100, round(100 * clean), round(100 * robust) + 2, round(100 * robust)]
    stages = zip(("clean", "apgd-ce", "square"), stood, stood[1:], (0.1, 2.5, 4.0), strict=False)
    by_class = [(str(c), share) for c, share in enumerate((0.9, 0.8, 0.1, 0.6))]
    return {
        "model": "oat, small_cnn",
        "weights": "d6833e131c7c5b29",
        "dataset": "digits",
        "part": "test",
        "lam": lam,
        "width": 1.0,
        "trained": True,
        "chosen_on": "val",
        "n": 100,
        "seed": 0,
        "threat_model": "Linf",
        "eps": "8/255",
        "radius": 8 / 255,
        "attack": "autoattack",
        "clean_acc": f"{100 * clean:.2f}",
        "clean": clean,
        "clean_interval": wilson(clean, 100),
        "robust": robust,
        "robust_interval": wilson(robust, 100),
        "standing": [{"attack": a, "tried": t, "standing": left, "seconds": s} for a, t, left, s in stages],
        "per_class": [class_row(label, name, share) for label, (name, share) in enumerate(by_class)],
        "key": f"{lam}-{clean}-{robust}",
        "seconds": 6.6,
        "precision": "float32",
        "created": "2025-03-04T10:11:12+00:00",
        "machine": {"cpu": "Example CPU at 2.9 GHz", "cores": 2, "gpu": None},
        "versions": {"robustdial": "0.1.0"},
        "commit": "0123abc",
    } | more


def class_row(label: int, name: str, robust: float) -> dict[str, Any]:
    intervals = {"clean_interval": wilson(0.96, 25), "robust_interval": wilson(robust, 25)}
    return {"label": label, "name": name, "n": 25, "clean": 0.96, "robust": robust} | intervals


def beyond() -> dict[str, Any]:
    """The optional parts of an entry of `score.json`."""
    finding = {"meaning": "What it means.", "remedy": "What to do."}
    radii, left = (0, 4, 8, 16), (0.96, 0.7, 0.47, 0.1)
    return {
        "checks": [
            {"id": "noise", "title": "Noise beats gradients", "state": "passed", "seen": "Noise breaks 0."} | finding,
            {"id": "selection", "title": "Chosen here", "state": "skipped", "seen": "Nobody has said."} | finding,
            {"id": "one-step", "title": "One step beats many", "state": "raised", "seen": "It breaks 9."} | finding,
        ],
        "curve": [
            {"eps": f"{k}/255", "radius": k / 255, "attack": "apgd-ce+cw-50", "robust": share, "n": 100}
            | {"robust_interval": wilson(share, 100)}
            for k, share in zip(radii, left, strict=True)
        ],
        "corruptions": [
            {"kind": kind, "level": level, "accuracy": share, "interval": wilson(share, 100), "n": 100}
            for kind, worse in (("fog", 0.05), ("snow", 0.1))
            for level, share in ((level, 0.9 - worse * level) for level in range(1, 6))
        ],
        "unseen": [{"threat": "L2 0.5", "attack": "apgd-t", "robust": 0.3, "robust_interval": [0.22, 0.4], "n": 100}],
        "warps": [{"threat": "RTS", "attack": "worst-of-10", "robust": 0.2, "robust_interval": [0.1, 0.3], "n": 100}],
        "background": [
            {"changed": "background", "how": "noise", "background": "Dark()", "n": 100}
            | {"robust": 0.7, "robust_interval": wilson(0.7, 100)}
        ],
    }


def extremes() -> dict[str, torch.Tensor]:
    """What `extremes-KEY.safetensors` holds: three images that fell and two that stand."""
    many = pictures() | {"index": torch.arange(100, 108), "lead": torch.linspace(-5, 2, 8)}
    of = {name: tensor[0] if len(tensor) == len(LAMS) else tensor for name, tensor in many.items() if name != "lams"}
    sides = {"easy": slice(3), "hard": slice(6, 8)}
    return {f"{side}/{name}": tensor[cut] for side, cut in sides.items() for name, tensor in of.items()}


def write(folder: Path, **parts: Any) -> Path:
    """Write a run folder from `run`, `epochs`, `frontier`, `scores`, `extremes` (of the last score), `cross` and
    `pictures`; what is not given is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in parts.keys() & {"run", "frontier", "cross"}:
        record.write_json(folder / f"{name}.json", parts[name])
    for epoch in parts.get("epochs", []):
        record.append_epoch(folder, epoch)
    if "scores" in parts:
        record.write_json(folder / record.SCORE, {"scores": parts["scores"]})
    if "extremes" in parts:
        record.write_tensors(folder / f"extremes-{parts['scores'][-1]['key']}.safetensors", parts["extremes"], {})
    if "pictures" in parts:
        record.write_tensors(folder / record.PICTURES, parts["pictures"], {"attack": "pgd-20"})
    return folder


def whole() -> dict[str, Any]:
    return {
        "run": run("demo"),
        "epochs": epochs(30),
        "frontier": frontier(points()),
        "scores": [score(**beyond())],
        "extremes": extremes(),
        "pictures": pictures(),
    }
