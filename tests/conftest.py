"""Shared by all tests: one thread, seeded randomness, and the folder of reference data where there is one."""

import re
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # on a busy machine, threads that wait for each other make tiny networks many times slower

SHARED = Path(__file__).parents[2] / "shared"


def pytest_make_parametrize_id(val):
    """Components by what they are, the same in every process: without the addresses of functions in them."""
    spoken = is_dataclass(val) or isinstance(val, tuple)
    return re.sub(r"<function (\S+) at 0x[0-9a-f]+>", r"\1", str(val)) if spoken else None


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout; a user has none."""
    if not SHARED.is_dir():
        pytest.skip("no folder ../shared with reference data beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    """`golden(name)` gives the arrays of a reference file as tensors."""

    def load(name: str) -> dict[str, torch.Tensor]:
        with np.load(shared / "reference" / f"{name}.npz") as arrays:
            return {key: torch.from_numpy(np.array(arrays[key])) for key in arrays.files}

    return load
