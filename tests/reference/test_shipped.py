"""The recorded numbers that are shipped are those of the whole record, and small."""

import json
from pathlib import Path

import numpy as np
import pytest

NAMES = ["deat_steps", "deat_fast", "losses", "oat_step", "oat_layers", "oats_layers", "autoattack"]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_array_is_the_recorded_one(name, shipped, shared):
    with np.load(shared / "reference" / f"{name}.npz") as whole:
        for key, array in shipped(name).items():
            assert array.numpy().dtype == whole[key].dtype
            assert np.array_equal(array.numpy(), whole[key]), key


@pytest.mark.parametrize("name", ["deat_logs_shared", "rst_oracle"])
def test_every_shipped_table_is_the_recorded_one(name, published, shared):
    assert published(name) == json.loads((shared / "reference" / f"{name}.json").read_text())


def test_what_is_shipped_is_small():
    assert sum(file.stat().st_size for file in (Path(__file__).parent / "data").iterdir()) < 640_000
