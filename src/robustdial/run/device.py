"""The device of a run, by its name."""

from __future__ import annotations

import os

import torch


def device_of(name: str) -> torch.device:
    """A device by its name; auto takes the accelerator where there is one. Raises ValueError if it cannot be had."""
    card = f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"  # of several processes
    if name == "auto":
        name = card if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = card
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"--device {name} is not supported. Write auto, cpu, cuda or cuda:0.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices here. Write --device auto."
        )
    return device
