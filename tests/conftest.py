"""Shared by all tests: one thread, seeded randomness, and the folder of reference data where there is one."""

import gc
import json
import lzma
import os
import re
import sys
from dataclasses import is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

torch.set_num_threads(1)  # on a busy machine, threads that wait for each other make tiny networks many times slower
gc.set_threshold(20_000, 20, 20)  # what thousands of tests keep is looked through less often

# where there is no card, torch.manual_seed notes the whole stack for one, at every call
SEED = torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed

SHARED = Path(__file__).parents[2] / "shared"
SHIPPED = Path(__file__).parent / "reference" / "data"


def pytest_make_parametrize_id(val):
    """Components by what they are, the same in every process: without the addresses of functions in them."""
    spoken = is_dataclass(val) or isinstance(val, tuple)
    return re.sub(r"<function (\S+) at 0x[0-9a-f]+>", r"\1", str(val)) if spoken else None


@pytest.fixture(autouse=True)
def seeded():
    SEED(0)


@pytest.fixture(scope="module", autouse=True)
def uncompiled():
    """What other files have compiled counts against nobody: PyTorch 2.7 exports a class of module eight times."""
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


@pytest.fixture(scope="session", autouse=True)
def unpushed():
    """Nothing waits until it is on the disk, which is a part of every small training: no test pulls the plug."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout; a user has none."""
    if not SHARED.is_dir():
        pytest.skip("no folder ../shared with reference data beside this checkout")
    return SHARED


class Recording(dict[str, torch.Tensor]):
    """Recorded arrays by name. A part of them is shipped; where only that part is, a test of another is skipped."""

    def __missing__(self, name):
        if (SHARED / "reference").is_dir():
            raise KeyError(name)
        pytest.skip(f"{name} is not among the recorded numbers that are shipped, and there is no folder ../shared")

    def under(self, prefix):
        """The arrays whose names begin with `prefix`, by what follows it; there are some."""
        found = {name.removeprefix(prefix): array for name, array in self.items() if name.startswith(prefix)}
        return Recording(found) if found else self[prefix]  # nothing is to pass because there was nothing to compare

    def double(self):
        """In double precision, where rounding decides no sign: see the README beside the shipped numbers."""
        return Recording({name: a.double() if a.is_floating_point() else a for name, a in self.items()})


@pytest.fixture(scope="session")
def shipped():
    """`shipped(name)` gives the part of a recording that lies in this checkout."""
    return lambda name: load(lzma.decompress((SHIPPED / f"{name}.safetensors.xz").read_bytes()))


@pytest.fixture(scope="session")
def golden(shipped):
    """`golden(name)` gives the arrays of a recording: what is shipped, and the rest where there is the whole."""

    def recording(name: str) -> Recording:
        found = Recording(shipped(name))
        if (whole := SHARED / "reference" / f"{name}.npz").is_file():
            with np.load(whole) as arrays:
                found |= {key: torch.from_numpy(np.array(arrays[key])) for key in arrays.files}
        return found

    return recording


@pytest.fixture(scope="session")
def published():
    """`published(name)` gives a table of published numbers."""
    return lambda name: json.loads((SHIPPED / f"{name}.json").read_text())
