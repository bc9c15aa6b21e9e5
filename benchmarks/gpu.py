"""What a card makes of the library: the same weights as on the CPU, its share of the peak, and two trainings.

    python benchmarks/gpu.py --data parquet:cifar10/train.parquet --json gpu.json      # on a card, 10 minutes
    python benchmarks/gpu.py --device cpu --quick --json gpu.json                      # does it run? a minute

Three parts, each with its share of the time: `gpu_agreement.py`, `gpu_speed.py` and `gpu_training.py` say what they do.
What does not fit into its share is left out, and named.
"""

from __future__ import annotations

import json as json_format
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu_agreement
import gpu_speed
import gpu_training
import tyro
from gpu_place import Place
from interleave import circumstances, console

from robustdial.run.device import device_of

SHARES = {"agreement": 0.2, "speed": 0.25, "training": 0.5}
"""Of the whole time; the rest is for starting and writing."""

PARTS: dict[str, Callable[[Place], dict[str, Any]]] = {
    "agreement": gpu_agreement.part,
    "speed": gpu_speed.part,
    "training": gpu_training.part,
}


def main(
    data: str | None = None,
    device: str = "auto",
    minutes: float = 10.0,
    quick: bool = False,
    parts: tuple[str, ...] = tuple(PARTS),
    json: Path = Path("gpu.json"),
) -> None:
    """Try the library on a card, and write what it gave as JSON.

    Args:
        data: images to train on, such as parquet:cifar10/train.parquet; the digits by default.
        device: auto, cpu or cuda.
        minutes: for everything together.
        quick: everything as small as it can be; the numbers mean nothing.
        parts: agreement, speed, training.
        json: file to write to, after each part.
    """
    place = device_of(device)
    if place.type != "cuda":
        console.print("There is no card here: the CPU is compared with itself, and without CUDA graphs.")
    found: dict[str, Any] = circumstances(1) | {"device": str(place), "quick": quick, "data": data or "digits"}
    for name in parts:
        here = Place(place, 60 * minutes * SHARES[name], quick, data)
        clock = time.perf_counter()
        result = PARTS[name](here)
        found[name] = result | {"seconds": round(time.perf_counter() - clock, 1), "left out": here.left_out}
        json.write_text(json_format.dumps(found, indent=1) + "\n", encoding="utf-8")
        console.print(f"{name}: {found[name]['seconds']} s, left out: {', '.join(here.left_out) or 'nothing'}")
    console.print(f"Written to {json}.")


if __name__ == "__main__":
    tyro.cli(main)
