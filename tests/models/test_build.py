"""Every name of `build` gives a classifier of pixels in [0, 1] that normalises inside."""

from __future__ import annotations

import re
import sys

import pytest
import torch
from torch import nn

from robustdial.models import Normalize, ResNet, WideResNet, build, names

OURS = names()[:-1]
TIMM = "timm:resnet10t"
# width: the tests below are about wiring, not size
SMALL = {"wrn34_10": 8, "wrn28_10": 8, "wrn28_10_silu": 8, "wrn16_8": 8, "wrn40_2": 8, "cnn": 4}


def small(name: str, shape: tuple[int, int, int] = (3, 32, 32), classes: int = 5) -> nn.Module:
    if name == TIMM:
        pytest.importorskip("timm", reason="timm is not installed")
    width = None if name == TIMM else SMALL.get(name, 6)
    mean, std = [0.5] * shape[0], [0.25] * shape[0]
    return build(name, classes=classes, shape=shape, mean=mean, std=std, width=width)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*OURS, TIMM])
def test_images_become_logits(name, channels):
    model = small(name, (channels, 32, 40))
    assert model(torch.rand(4, channels, 32, 40)).shape == (4, 5)


@pytest.mark.parametrize("name", OURS)  # not timm's: it starts the last norm of a block at zero
def test_gradient_reaches_every_parameter_and_the_image(name):
    model, x = small(name), torch.rand(4, 3, 32, 32, requires_grad=True)
    nn.functional.cross_entropy(model(x), torch.tensor([0, 1, 2, 3])).backward()
    dead = [
        key for key, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not dead
    assert x.grad.flatten(1).any(1).all()


@pytest.mark.parametrize("name", [*OURS, TIMM])
def test_the_first_layer_normalises(name):
    model, x = small(name).eval(), torch.rand(2, 3, 32, 32)
    first, rest = model.children()
    assert isinstance(first, Normalize)
    assert torch.equal(first(x), (x - 0.5) / 0.25)
    assert torch.equal(model(x), rest((x - 0.5) / 0.25))


@pytest.mark.parametrize("name", OURS)
def test_state_dict_carries_the_whole_model(name):
    one, other, x = small(name), small(name), torch.rand(4, 3, 32, 32)
    one(x)  # moves the running statistics
    assert not torch.equal(one.eval()(x), other.eval()(x))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x))


@pytest.mark.parametrize("name", OURS)
def test_building_leaves_the_model_in_training_mode_with_fresh_statistics(name):
    model = small(name)
    assert all(module.training for module in model.modules())
    assert all(not norm.num_batches_tracked for norm in model.modules() if isinstance(norm, nn.BatchNorm2d))


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("resnet18", 11_173_962),
        ("resnet34", 21_282_122),
        ("preact_resnet18", 11_172_170),
        ("wrn16_8", 10_961_370),  # 10.96 M
        ("wrn28_10", 36_479_194),  # 36.5 M
        ("wrn34_10", 46_160_474),  # 46.16 M
        ("wrn40_2", 2_243_546),  # 2.24 M
    ],
)
def test_parameter_counts_are_the_published_ones(name, published):
    with torch.device("meta"):
        model = build(name, classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3)
    assert sum(parameter.numel() for parameter in model.parameters()) == published


@pytest.mark.parametrize("name", OURS)
def test_width_is_the_channels_of_the_first_stage(name):
    widths = [sum(p.numel() for p in build(name, **ASK | {"width": width}).parameters()) for width in (4, 8)]
    assert widths[0] < widths[1] < 4.5 * widths[0]


ASK = {"classes": 10, "shape": (3, 32, 32), "mean": [0.5] * 3, "std": [0.25] * 3}


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("resnet81", {}, "Did you mean resnet18? The models are cnn, resnet18"),
        ("timm:", {}, "Did you mean timm:NAME?"),
        ("resnet18", {"pretrained": True}, "Leave pretrained out, or use timm:resnet18"),
        ("vgg16", {"shape": (3, 8, 8)}, "cannot take 8x8 images. Load the data with size=32"),
        ("cnn", {"width": 0}, "width=0: the first stage needs at least 1 channel"),
        ("cnn", {"classes": 1}, "classes=1: a classifier needs at least 2"),
        ("cnn", {"shape": (3, 0, 8)}, "Give data.shape"),
        ("cnn", {"mean": [0.5]}, "mean has 1 numbers for 3 channels"),
        ("cnn", {"std": [0.5, 0.0, 0.5]}, "one positive std per channel"),
    ],
)
def test_a_wrong_request_is_answered_with_the_remedy(name, change, says):
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        build(name, **ASK | change)
    assert "\n" not in str(error.value)


OWN = """
from torch import nn

class Asks(nn.Linear):
    def forward(self, x, y):
        return super().forward(x.flatten(1))

class Even(nn.Linear):
    def forward(self, x):
        assert len(x) % 2 == 0, "an even number"
        return super().forward(x.flatten(1))

def asks():
    return Asks(3072, 10)

def even():
    return Even(3072, 10)
"""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("asks", "TypeError: Asks.forward() missing 1 required positional argument: 'y'. Its forward must take images"),
        (
            "even",
            "(net.py:10): AssertionError: an even number. Its forward must take images [B, C, H, W] of any number",
        ),
    ],
)
def test_a_network_of_yours_that_fails_says_why(name, says, tmp_path):
    (tmp_path / "net.py").write_text(OWN)
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        build(f"{tmp_path / 'net.py'}:{name}", **ASK)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("timm:resnet18x", {}, "Nearest: resnet18,"),
        ("timm:vit_tiny_patch16_224", {}, "cannot take 32x32 images. Load the data with size=224"),
        ("timm:resnet10t", {"width": 8}, "Leave width out"),
        ("timm:resnet18.no_such_tag", {}, "timm.list_models(pretrained=True)"),
    ],
)
def test_a_wrong_request_to_timm_is_answered_with_the_remedy(name, change, says):
    pytest.importorskip("timm", reason="timm is not installed")
    with pytest.raises(ValueError, match=re.escape(says)):
        build(name, **ASK | change)


def test_a_missing_timm_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=re.escape("pip install 'robustdial[timm]'")):
        build(TIMM, **ASK)


@pytest.mark.parametrize("channels", [1, 3])
def test_pretrained_weights_bring_their_normalisation(monkeypatch, channels):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **kw: create(name, **kw | {"pretrained": False}))
    shape = (channels, 32, 32)
    model = build(TIMM, classes=5, shape=shape, mean=[0.1] * channels, std=[0.9] * channels, pretrained=True)
    imagenet = torch.tensor([0.485, 0.456, 0.406])
    expected = imagenet if channels == 3 else imagenet.mean(0, keepdim=True)
    assert torch.allclose(model.normalize.mean.flatten(), expected)


def test_weights_that_cannot_be_downloaded_are_a_connection_error(monkeypatch):
    timm = pytest.importorskip("timm", reason="timm is not installed")

    def offline(name, **kw):
        raise OSError("no network\nand more lines")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ConnectionError, match=r"\(no network\). Be online"):
        build(TIMM, **ASK, pretrained=True)


def test_dropout_acts_between_the_convolutions_in_training_only():
    model, x = WideResNet(5, width=8, depth=10, dropout=0.5), torch.rand(4, 3, 16, 16)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_a_depth_that_no_wide_resnet_has_is_refused():
    with pytest.raises(ValueError, match="not 6 n"):
        WideResNet(10, depth=20)


def test_resnet_reproduces_the_reference_network(shared, golden):
    """The network of the AutoAttack reference: the same logits from the same weights."""
    from safetensors.torch import load_file

    reference, model = golden("autoattack"), ResNet(10, 3, width=16).eval()
    model.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"))
    with torch.no_grad():
        assert torch.allclose(model(reference["x"]), reference["logits_clean"], atol=1e-4)


def test_cnn_learns_the_digits():
    """98.5 % of held-out images in a few seconds, so that it can serve as the example network."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = torch.tensor(bunch.images, dtype=torch.float32).div(16)[:, None], torch.tensor(bunch.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[360:], order[:360]
    model = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.3], std=[0.38])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=5e-4)
    epochs, batch = 10, 64
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for index in train[torch.randperm(len(train))].split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[index]), y[index]).backward()
            optimizer.step()
        rate.step()
    with torch.no_grad():
        assert (model.eval()(x[test]).argmax(1) == y[test]).float().mean() >= 0.985


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
def test_images_of_whole_numbers_are_refused(kind):
    with pytest.raises(TypeError, match=r"images\.float\(\) / 255"):
        small("cnn").eval()(torch.zeros(2, 3, 32, 32, dtype=kind))
