"""One-step methods: what they cost, what they carry from epoch to epoch, and the dial on them."""

import pytest
import torch
from torch import nn

from robustdial import restore, save
from robustdial.data import CropFlip, from_tensors
from robustdial.dial import Dials, dial
from robustdial.models import build
from robustdial.recipes import RECIPES
from robustdial.training.engine import TrainState, fit, steps

SPENT = {
    "n-fgsm": 2,
    "zerograd": 2,
    "rs-aaer": 2,
    "n-aaer": 2,
    "fgsm-pgi": 3,
    "liet": 3 + 3 / 12,  # two grey images, and one image that tells how many classes there are, in one batch of twelve
    "guided-at": 4,
    "nuat": 4,
    "elle": 5,
}
"""Images forwarded for each image: passes, and forwards without a backward."""


def data_with(images=15, augment=None):
    y = torch.arange(images + 8) % 2
    x = (0.35 + 0.3 * y[:, None, None, None] + 0.1 * torch.randn(len(y), 3, 8, 8)).clamp(0, 1)
    return from_tensors((x[:images], y[:images]), (x[images:], y[images:]), val=0.2, augment=augment or CropFlip(2))


def state_for(method):
    plain = build("cnn", classes=2, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.25] * 3, width=4)
    return TrainState.new(dial(plain, method.dial) if isinstance(method.dial, Dials) else plain, seed=3)


@pytest.mark.parametrize("name", SPENT)
def test_they_cost_what_they_say(name):
    method = RECIPES[name](eps=0.1)
    (epoch,) = fit(state_for(method), data_with(), method, epochs=1, batch=12)
    assert epoch["images"] == 12
    assert epoch["spent"] == pytest.approx(SPENT[name])


@pytest.mark.parametrize("name", ["fgsm-pgi", "liet"])
def test_saved_in_mid_epoch_they_go_on_to_the_same_bits(tmp_path, name):
    method, data, ends = RECIPES[name](eps=0.1), data_with(30), []
    for stop in (False, True):
        torch.manual_seed(5)
        state = state_for(method)
        for step in steps(state, data, method, epochs=3, batch=8):
            if stop and (step.epoch, step.batch) == (2, 2):
                save(state, tmp_path / "state.safetensors")
                state = state_for(method)
                restore(state, tmp_path / "state.safetensors")
                list(steps(state, data, method, epochs=3, batch=8))
                break
        ends.append(state)
    (memory,), (again,) = (state.memories for state in ends)
    assert memory.keys() == again.keys()
    assert all(torch.equal(memory[key], again[key]) for key in memory)
    assert all(torch.equal(a, b) for a, b in zip(ends[0].model.parameters(), ends[1].model.parameters(), strict=True))


def test_a_prior_is_kept_in_the_frame_of_its_image():
    method, data = RECIPES["fgsm-pgi"](eps=1 / 16), data_with(20)
    state = state_for(method)
    list(fit(state, data, method, epochs=2, batch=16))
    (memory,) = state.memories
    assert memory["start"].shape == memory["momentum"].shape == (16, 3, 12, 12)
    assert memory["start"].abs().max() == 1 / 16
    assert memory["visits"].tolist() == [2] * 16


def test_what_cannot_be_undone_is_refused():
    method = RECIPES["fgsm-pgi"](eps=0.1)
    with pytest.raises(ValueError, match="Crop, flip, CropFlip or none"):
        next(fit(state_for(method), data_with(augment=nn.Identity()), method, epochs=1, batch=10))


def test_the_dial_of_n_fgsm_begins_without_adversary_and_noise():
    method = RECIPES["radial-nfgsm"](eps=0.1, warm=0.5)
    warm, attacked = fit(state_for(method), data_with(40), method, epochs=2, batch=16)
    assert (warm["passes"], attacked["passes"]) == (1, 2)
    assert warm["spent"] == 1
    assert 1 < attacked["spent"] < 2  # rows at lambda = 0 have no adversary


def test_the_magnitude_rule_gives_n_fgsm_more_and_shorter_steps():
    method = RECIPES["m-nfgsm"](eps=0.2)
    assert [method.solver.step(method.threat.radius, steps) for steps in (1, 4)] == [0.2, 0.05]
    first, second = fit(state_for(method), data_with(40), method, epochs=2, batch=16)
    assert (first["passes"], second["passes"]) == (1, 2)
