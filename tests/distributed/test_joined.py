"""Processes that another loop has brought together."""

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from robustdial.distributed import ALONE, world_at_hand

pytest.importorskip("accelerate", reason="pip install 'robustdial[loops]'")

spec = importlib.util.spec_from_file_location("joined", Path(__file__).with_name("joined.py"))
joined = importlib.util.module_from_spec(spec)
spec.loader.exec_module(joined)


def test_the_loop_of_two_leaves_what_the_loop_of_one_leaves(in_two, tmp_path):
    in_two("joined.py", tmp_path)
    alone = joined.trained(joined.batches())
    first, second = (load_file(tmp_path / f"joined-{rank}.safetensors") for rank in range(2))
    for name, value in alone.items():
        torch.testing.assert_close(first[name], value, rtol=1e-9, atol=1e-9)
        assert torch.equal(first[name], second[name])
    for rank in range(2):
        assert "The text of process 1 is not that of process 0" in (tmp_path / f"said-{rank}").read_text()


def test_where_nobody_has_come_together_there_is_one():
    assert world_at_hand() is ALONE


def test_a_group_that_takes_no_tensors_of_the_processor_is_refused(monkeypatch):
    for name, found in {"is_initialized": True, "get_world_size": 2, "get_backend": "nccl"}.items():
        monkeypatch.setattr(dist, name, lambda found=found: found)
    monkeypatch.setattr(dist, "get_backend_config", lambda: "cuda:nccl")
    with pytest.raises(ValueError, match=r"joined by nccl alone.*init_process_group\('cpu:gloo,cuda:nccl'\)"):
        world_at_hand()
