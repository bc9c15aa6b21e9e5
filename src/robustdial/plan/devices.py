"""Devices by name, with what their vendors publish: rates without structured sparsity, links in one direction."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NVIDIA = "https://www.nvidia.com/en-us/data-center/"
_START = 1e-5  # a rule of thumb: PyTorch does not start more than a hundred thousand kernels a second


@dataclass(frozen=True)
class Device:
    """What bounds the speed of a device.

    Args:
        name: of the device.
        bfloat16: floating-point operations per second in matrix products of bfloat16; None where it has none.
        float32: the same in float32, outside tensor cores.
        memory: bytes.
        bandwidth: bytes per second between memory and processor.
        link: bytes per second to the other devices of its machine, in one direction.
        source: where these numbers are from.
        start: seconds that pass at least between the starts of two kernels.
    """

    name: str
    bfloat16: float | None
    float32: float
    memory: float
    bandwidth: float
    link: float
    source: str
    start: float = _START


DEVICES = {
    device.name: device
    for device in (
        Device("B200", 2250e12, 75e12, 180e9, 7.7e12, 900e9, f"{_NVIDIA}hgx/"),
        Device("H200", 989.5e12, 67e12, 141e9, 4.8e12, 450e9, f"{_NVIDIA}h200/"),
        Device("H100", 989.5e12, 67e12, 80e9, 3.35e12, 450e9, f"{_NVIDIA}h100/"),
        Device("A100", 312e12, 19.5e12, 80e9, 2.039e12, 300e9, f"{_NVIDIA}a100/"),
        Device("A100-40GB", 312e12, 19.5e12, 40e9, 1.555e12, 300e9, f"{_NVIDIA}a100/"),
        Device("L40S", 362.05e12, 91.6e12, 48e9, 864e9, 32e9, f"{_NVIDIA}l40s/"),
        Device("L4", 121e12, 30.3e12, 24e9, 300e9, 32e9, f"{_NVIDIA}l4/"),
        Device("A10", 125e12, 31.2e12, 24e9, 600e9, 32e9, f"{_NVIDIA}products/a10-gpu/"),
        Device("V100", None, 15.7e12, 32e9, 900e9, 150e9, f"{_NVIDIA}v100/"),
        Device("T4", None, 8.1e12, 16e9, 300e9, 16e9, f"{_NVIDIA}tesla-t4/"),
        Device(
            "MI300X", 1307.4e12, 163.4e12, 192e9, 5.3e12, 448e9, "https://www.amd.com/en/products/accelerators.html"
        ),
    )
}
HERE = "here"


def parse(text: str) -> tuple[int, str]:
    """How many devices, and the name of their kind. Raises ValueError that lists those known.

    >>> parse("8xH200"), parse("h100"), parse("2xhere")
    ((8, 'H200'), (1, 'H100'), (2, 'here'))
    """
    known = {name.lower(): name for name in (HERE, *DEVICES)}
    found = re.fullmatch(r"(?:(\d+)\s*x\s*)?(\S+)", text.strip().lower())
    number, name = (int(found[1] or 1), known.get(found[2])) if found else (0, None)
    if name is None or number < 1:
        raise ValueError(
            f"--devices {text} is not known. Write 8xH200, or another number of {', '.join(known.values())}."
        )
    return number, name
