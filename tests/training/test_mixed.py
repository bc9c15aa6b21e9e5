"""Every recipe learns from mixed images and labels, and goes on to the bit."""

import importlib.util
from pathlib import Path

import pytest
import torch

from robustdial.data import Mixing
from robustdial.recipes import RECIPES
from robustdial.training import fit, restore, save, steps

spec = importlib.util.spec_from_file_location("worker", Path(__file__).parents[1] / "distributed" / "worker.py")
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)

GENERATED = ("gat", "gat-oat")  # need a generator in a folder
NAMES = [name for name in RECIPES if name not in GENERATED]
KINDS = {"mixup": Mixing(mixup=0.4), "cutmix": Mixing(cutmix=1.0)}
BY_TURNS = [
    pytest.param(name, mixing, marks=() if i % len(KINDS) == k else pytest.mark.slow, id=f"{name}-{kind}")
    for i, name in enumerate(NAMES)
    for k, (kind, mixing) in enumerate(KINDS.items())
]
"""Every recipe with one kind, and on demand with the other: to a recipe, both are soft labels."""


@pytest.mark.parametrize(("name", "mixing"), BY_TURNS)
def test_every_recipe_takes_a_step(name, mixing):
    state, method, data = worker.started(name, worker.ALONE)
    state.mixing = mixing
    before = {key: value.clone() for key, value in state.model.state_dict().items()}
    next(steps(state, data, method, epochs=1, batch=worker.BATCH))
    after = state.model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert any(not torch.equal(value, before[key]) for key, value in after.items())
    assert 0 <= float(state.sums.get("clean", 0)) <= worker.BATCH


def test_it_goes_on_to_the_bit_in_mid_epoch(tmp_path):
    def begun():
        state, method, data = worker.started("fat", worker.ALONE)
        state.mixing = Mixing(0.4, 1.0)
        return state, method, data

    (whole, method, data), (first, *_), (second, *_) = begun(), begun(), begun()
    torch.manual_seed(0)
    list(fit(whole, data, method, epochs=1, batch=60))
    torch.manual_seed(0)
    next(steps(first, data, method, epochs=1, batch=60))
    save(first, tmp_path / "half.safetensors")
    restore(second, tmp_path / "half.safetensors")
    list(fit(second, data, method, epochs=1, batch=60))
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in whole.model.state_dict().items())
