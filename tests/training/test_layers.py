"""Layers far from the head learn slowly, whatever the optimizer; own ones keep theirs."""

import pytest
import torch
from torch import nn

from robustdial.data import CropFlip, Mixing, from_tensors
from robustdial.dial import Dials, dial
from robustdial.models import build
from robustdial.recipes import recipe
from robustdial.training import TrainState, fit, optimizer_for, restore, save, steps
from robustdial.training.layers import layered
from robustdial.training.rate import Warmed, constant, rate_of

pytest.importorskip("timm")


def vit():
    made = {"img_size": 16, "patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2}
    return __import__("timm").create_model("vit_tiny_patch16_224", num_classes=3, **made)


def resnet():
    return build("resnet18", classes=3, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.5] * 3, width=2)


def dialed(net):
    return dial(net, Dials(), example=torch.rand(2, 3, 16, 16))


def scale_of(model, groups, name):
    weight = dict(model.named_parameters())[name]
    (scale,) = {group["lr_scale"] for group in groups if any(weight is one for one in group["params"])}
    return scale


@pytest.mark.parametrize(
    ("model", "first", "middle", "last", "layers"),
    [
        (vit, "patch_embed.proj.weight", "blocks.1.attn.qkv.weight", "head.weight", 4),
        (resnet, "net.conv1.weight", "net.blocks.7.conv2.weight", "net.fc.weight", 10),
        (lambda: nn.Sequential(vit(), nn.Linear(3, 3)), "0.patch_embed.proj.weight", "0.head.weight", "1.weight", 4),
    ],
)
def test_the_rate_shrinks_with_the_distance_from_the_head(model, first, middle, last, layers):
    net = model()
    groups = layered(net, 0.05, 0.5)
    assert scale_of(net, groups, first) == 0.5 ** (layers - 1)
    assert scale_of(net, groups, first) < scale_of(net, groups, middle) <= scale_of(net, groups, last) == 1
    every = [weight for group in groups for weight in group["params"]]
    assert len(every) == len(set(every)) == len(list(net.parameters()))
    assert all(w.ndim > 1 for group in groups if group["weight_decay"] for w in group["params"])


def test_what_a_dial_puts_into_a_layer_goes_with_that_layer():
    net = dialed(resnet())
    groups = layered(net, 0.0, 0.5)
    names = [name for name, _ in net.named_parameters() if "blocks.0." in name]
    assert any("film" in name for name in names)
    assert {scale_of(net, groups, name) for name in names} == {0.5**8}
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def test_a_network_that_names_no_layers_is_refused_by_name():
    net = build("cnn", classes=3, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.5] * 3, width=4)
    with pytest.raises(ValueError, match="CNN does not say which of its layers come first"):
        optimizer_for(net, 0.1, layer_decay=0.75)


def data():
    torch.manual_seed(0)
    x, y = torch.rand(64, 3, 16, 16), torch.arange(64) % 3
    return from_tensors((x, y), (x, y), augment=CropFlip(1))


@pytest.mark.parametrize("name", ["sgd", "adamw", "lamb"])
@pytest.mark.parametrize("make", [resnet, lambda: dialed(resnet())], ids=["plain", "dialed"])
def test_it_goes_on_to_the_bit(name, make, tmp_path):
    method = recipe("pgd-at")(steps=1)

    def begun():
        torch.manual_seed(1)
        model = make()
        some = recipe("oat")(steps=1) if hasattr(model, "dials") else method
        optimizer = optimizer_for(model, 0.01, name=name, layer_decay=0.5)
        state = TrainState(model, optimizer, Warmed(constant, 0.3), 0.01, 0, model, clip=1.0, mixing=Mixing(mixup=1.0))
        return state, data(), some

    (whole, *parts), (first, *_), (second, *_) = begun(), begun(), begun()
    torch.manual_seed(0)
    epochs = list(fit(whole, *parts, epochs=2, batch=29))
    torch.manual_seed(0)
    next(steps(first, *parts, epochs=2, batch=29))
    save(first, tmp_path / "half.safetensors")
    restore(second, tmp_path / "half.safetensors")
    list(fit(second, *parts, epochs=2, batch=29))
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in whole.model.state_dict().items())
    assert epochs[-1]["lr"] == pytest.approx(0.01)
    assert min(group["lr"] for group in second.optimizer.param_groups) == pytest.approx(0.01 * 0.5**9)


def test_own_groups_keep_their_factor():
    net = nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Linear(4, 3))
    groups = [{"params": net[1].parameters(), "lr_scale": 0.1}, {"params": net[2].parameters()}]
    state = TrainState(net, torch.optim.SGD(groups, lr=0.5), lambda progress: 1 - progress, 0.2, 0, net)
    next(steps(state, data(), recipe("clean")(), epochs=1, batch=29))
    assert [group["lr"] for group in state.optimizer.param_groups] == pytest.approx([0.02, 0.2])


def test_rates_that_would_not_be_kept_are_refused():
    net = nn.Linear(2, 2)
    two = torch.optim.SGD([{"params": [net.weight], "lr": 0.1}, {"params": [net.bias], "lr": 0.2}])
    with pytest.raises(ValueError, match="lr_scale"):
        TrainState(net, two, constant, 0.1, 0, net)
    one = torch.optim.SGD(net.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(one, 10)
    with pytest.raises(ValueError, match=r"A scheduler of torch\.optim has been put on"):
        TrainState(net, one, constant, 0.1, 0, net)
    with pytest.raises(TypeError, match=r"StepLR\(...\) counts steps"):
        rate_of(scheduler)
