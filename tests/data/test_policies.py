"""RandAugment and its like: torchvision's, one draw for each image, the same on however many processes."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torchvision.transforms import v2

from robustdial.data import CropFlip, Feed, Policy, Then, from_tensors, load, with_augment
from robustdial.data.policies import Name
from robustdial.distributed import Alone
from robustdial.recipes import recipe
from robustdial.training import TrainState, fit, restore, save, steps


def images(number=6, channels=3):
    torch.manual_seed(0)
    return torch.randint(0, 256, (number, channels, 16, 16), dtype=torch.uint8)


@pytest.mark.parametrize("name", get_args(Name))
@pytest.mark.parametrize("channels", [1, 3])
def test_every_policy_changes_images_of_either_kind(name, channels):
    x = images(12, channels)
    torch.manual_seed(1)
    changed = Policy(name)(x)
    assert (changed.shape, changed.dtype) == (x.shape, x.dtype)
    assert (changed != x).flatten(1).any(1).sum() > 4
    torch.manual_seed(1)
    torch.testing.assert_close(Policy(name)(x.float() / 255), changed.float() / 255)


def test_each_image_has_a_draw_of_its_own_and_nothing_else_is_drawn():
    x = images(1).expand(6, -1, -1, -1)
    torch.manual_seed(1)
    seeds, after = torch.randint(2**62, (6,)), torch.get_rng_state()
    torch.manual_seed(1)
    changed = Policy("randaugment")(x)
    assert torch.equal(after, torch.get_rng_state())
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 3
    for image, seed in zip(changed, seeds.tolist(), strict=True):
        torch.manual_seed(seed)
        assert torch.equal(image, v2.RandAugment()(x[0]))


def test_each_process_gets_what_one_would_have_got():
    data = with_augment(replace(load("digits", limit=100), augment=CropFlip(1)), "randaugment")

    def first(world):
        torch.manual_seed(2)
        feed = Feed(data, world=world)
        return next(feed.batches(feed.order(20, 0, 0))).x

    whole = first(Alone())
    for rank in (0, 1):
        assert torch.equal(first(Alone(rank, 2)), whole[rank::2])


def test_a_solver_that_keeps_something_of_each_image_goes_on_to_the_bit(tmp_path):
    data = replace(load("digits", limit=120), augment=Then(CropFlip(1), Policy("trivialaugment")))
    method = recipe("atta")(steps=1)

    def begun():
        torch.manual_seed(3)
        net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 10))
        return TrainState.new(net)

    whole, first, second = begun(), begun(), begun()
    torch.manual_seed(0)
    list(fit(whole, data, method, epochs=2, batch=24))
    torch.manual_seed(0)
    for number, _ in enumerate(steps(first, data, method, epochs=2, batch=24), start=1):
        if number == 6:
            break
    save(first, tmp_path / "part.safetensors")
    restore(second, tmp_path / "part.safetensors")
    list(fit(second, data, method, epochs=2, batch=24))
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in whole.model.state_dict().items())
    assert all(torch.equal(v, second.memories[0][k]) for k, v in whole.memories[0].items())


@pytest.mark.parametrize(
    ("name", "line"), [("randaug", "The nearest is randaugment"), ("randaugment", "1 or 3 channels")]
)
def test_what_cannot_be_is_refused(name, line):
    x, y = images(20, channels=2), torch.arange(20) % 2
    two = from_tensors((x, y), (x, y))
    with pytest.raises(ValueError, match=line):
        with_augment(two, name)
