"""Widths: one network, every size."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from robustdial import models
from robustdial.dial import Dials, LinearFiLM, PaperFiLM, dial, recalibrated, reestimated
from robustdial.precision import Prepared, unsafe_last

WIDTHS = (0.5, 0.75, 1.0)
NETWORKS = [
    ("cnn", (1, 8, 8)),
    ("resnet18", (3, 16, 16)),
    ("preact_resnet18", (3, 16, 16)),
    ("wrn16_8", (3, 16, 16)),
    ("vgg16", (3, 32, 32)),
]


def network(name="cnn", shape=(1, 8, 8), **about):
    c = shape[0]
    plain = models.build(name, classes=5, shape=shape, mean=[0.5] * c, std=[0.25] * c, width=8)
    model = dial(plain, Dials((0.0, 0.5, 1.0), WIDTHS, **about), example=torch.rand(2, *shape))
    with torch.no_grad():  # nothing at its initial value
        for key, value in model.state_dict().items():
            if value.dtype.is_floating_point and key != "codes" and "normalize" not in key:
                value.add_(0.1 * torch.rand_like(value))
    return plain, model


@pytest.mark.parametrize(("name", "shape"), NETWORKS)
def test_bake_equals_at_for_every_width(name, shape):
    plain, model = network(name, shape)
    model, x, sizes = model.eval(), torch.rand(3, *shape), []
    for width in WIDTHS:
        for lam in (0.0, 0.25, 1.0):
            baked, served = model.bake(lam, width), model.at(lam, width)
            torch.testing.assert_close(baked(x), served(x), atol=1e-5, rtol=1e-5)
        assert baked.state_dict().keys() == plain.state_dict().keys()
        sizes.append(sum(weight.numel() for weight in baked.parameters()))
    assert sizes[0] < 0.3 * sizes[2] < sizes[1] < sizes[2] == sum(weight.numel() for weight in plain.parameters())


@pytest.mark.parametrize("conditioner", [PaperFiLM(), LinearFiLM()])
def test_every_width_learns_and_every_parameter_is_reached(conditioner):
    _, model = network(conditioner=conditioner)
    model.train()
    x, settings = torch.rand(6, 1, 8, 8), model.settings(torch.tensor([0, 0, 1, 1, 2, 2]))
    assert [setting.level for setting in settings] == [0, 1, 2]
    sum(model(x, setting).square().sum() for setting in settings).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_a_width_moves_only_its_own_statistics():
    _, model = network()
    before = {name: value.clone() for name, value in model.train().named_buffers() if "running" in name}
    model(torch.rand(4, 1, 8, 8), model.settings(torch.tensor([0, 0, 1, 2]))[1])
    moved = {
        name for name, value in model.named_buffers() if "running" in name and not torch.equal(before[name], value)
    }
    assert moved
    assert moved == {name for name in before if ".clean.1." in name or ".robust.1." in name}


def test_narrow_networks_use_the_leading_channels_of_the_wide_one():
    _, model = network()
    narrow = model.eval().bake(0.5, 0.5)
    for name, value in narrow.state_dict().items():
        if "weight" in name and value.dim() == 4:
            whole = model.bake(0.5, 1.0).state_dict()[name]
            assert torch.equal(value, whole[: value.shape[0], : value.shape[1]])
    assert narrow.net[-1].out_features == 5


def test_a_width_is_known_by_what_is_printed_of_it():
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(216, 2))
    model = dial(net, Dials(widths=(1 / 3, 1.0)), example=torch.rand(2, 1, 8, 8)).eval()
    assert model.bake(0.2, 0.333333)[0].out_channels == 2


class Rigid(nn.Module):
    """A network whose forward knows how many channels it has."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4)
        self.gain = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x):
        return self.head((self.norm(self.conv(x)) * self.gain).mean((2, 3)))


def test_a_network_that_cannot_be_cut_is_refused_and_still_gets_its_lambda():
    x = torch.rand(2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"cannot run at width 0.5: the forward of Rigid .* widths=\(1.0,\)"):
        dial(Rigid(), Dials(widths=(0.5, 1.0)), example=x)
    assert dial(Rigid()).eval().at(0.2)(x).shape == (2, 4)


def test_groups_that_do_not_divide_are_named():
    net = nn.Sequential(
        nn.Conv2d(1, 9, 1), nn.Conv2d(9, 9, 1, groups=3), nn.BatchNorm2d(9), nn.Flatten(), nn.Linear(9, 2)
    )
    with pytest.raises(ValueError, match=r"layer '1' .*5 channels do not fill whole groups of 3"):
        dial(net, Dials(widths=(0.5, 1.0)), example=torch.rand(2, 1, 1, 1))
    assert dial(net, Dials(widths=(1 / 3, 1.0)), example=torch.rand(2, 1, 1, 1)).eval().bake(0.2, 1 / 3)[1].groups == 1


class Convolutions(TorchDispatchMode):
    """Notes kernel, stride and input channels of every convolution."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default:
            self.seen.append((tuple(args[1].shape[2:]), tuple(args[3]), args[0].shape[1]))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("padding", [0, 1, (0, 1), "valid"])
@pytest.mark.parametrize("channels", [6, 8, 16])
def test_narrow_strided_layers_read_their_pixels_first(channels, padding):
    """On the CPU, some of them may not be run channels last, and the others may."""
    thin = nn.Conv2d(channels, 16, 1, (2, 3), padding)
    plain = nn.Sequential(nn.Conv2d(3, channels, 1), thin, nn.BatchNorm2d(16), nn.Flatten(1, -1), nn.LazyLinear(2))
    x = torch.rand(2, 3, 7, 7)
    plain(x)
    model = dial(plain, Dials(widths=(0.5, 1.0)), example=x).double().eval()
    x = x.double()
    for setting, width in zip(model.settings(torch.tensor([1, 1])), (0.5, 1.0), strict=True):
        baked, weights = model.bake(0.1, width), model.body[1].layer
        with Convolutions() as called:
            found = torch.autograd.grad(model(x, setting).square().sum(), (weights.weight, weights.bias))
        assert not any(unsafe_last(*convolution) for convolution in called.seen)
        wanted = torch.autograd.grad(baked(x).square().sum(), (baked[1].weight, baked[1].bias))
        outs, ins = wanted[0].shape[:2]
        # the norm that is folded into the baked network is the one of the dial
        torch.testing.assert_close(found[0][:outs, :ins], wanted[0])
        torch.testing.assert_close(found[1][:outs], wanted[1])


def test_narrow_networks_are_laid_out_as_wide_ones():
    plain = models.build("resnet18", classes=5, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.25] * 3, width=8)
    narrow = dial(plain, Dials(widths=(0.25, 1.0)), example=torch.rand(2, 3, 16, 16))
    assert Prepared(narrow, "float32").layout == torch.channels_last
    thin = models.build("resnet18", classes=5, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.25] * 3, width=4)
    assert Prepared(thin, "float32").layout == torch.contiguous_format


# --- positions that were not trained ----------------------------------------------------------------------------------


def test_statistics_are_the_means_over_the_batches():
    net = nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    batches = list(torch.rand(3, 16, 2, 2, 2))
    norm = reestimated(net, batches)[0]
    torch.testing.assert_close(norm.running_mean, torch.stack([x.mean((0, 2, 3)) for x in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([x.var((0, 2, 3)) for x in batches]).mean(0))
    assert not torch.equal(net[0].running_mean, norm.running_mean)
    assert norm.momentum == net[0].momentum


def test_an_untrained_width_is_cut_and_sees_its_own_statistics():
    _, model = network()
    x = torch.rand(64, 1, 8, 8)
    net = recalibrated(model.eval(), 0.25, 0.6, x.split(16))
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms[0].num_features == 5  # of 8, cut from 6
    seen = []
    norms[0].register_forward_hook(lambda module, given, out: seen.append(given[0]))
    net(x)
    torch.testing.assert_close(norms[0].running_mean, seen[0].mean((0, 2, 3)), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("width", "batches", "words"),
    [
        (1.5, [torch.rand(4, 1, 8, 8)], "up to 1"),
        (0.0, [torch.rand(4, 1, 8, 8)], "width=0"),
        (0.5, [], "no images"),
    ],
)
def test_recalibration_refuses_what_makes_no_sense(width, batches, words):
    with pytest.raises(ValueError, match=words):
        recalibrated(network()[1].eval(), 0.5, width, batches)


def test_an_untrained_width_cuts_the_layers_that_trained_widths_cut():
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 2))
    dials, x = Dials((0.0, 1.0), (0.5, 1.0)), torch.rand(4, 1, 8, 8)
    model = dial(net, dials, slim=lambda name, layer: name == "0", example=x).eval()
    narrow = recalibrated(model, 0.5, 0.75, [x])
    assert (narrow[0].out_channels, narrow[2].in_channels, narrow[2].out_channels) == (6, 6, 8)
    with pytest.raises(ValueError, match="full width only"):
        recalibrated(dial(net), 0.5, 0.5, [x])
