"""Slimmable layers against numbers recorded from the official OATS layers."""

import pytest
import torch
from torch import nn

from robustdial.dial import Dials, PaperFiLM, Setting, dial
from robustdial.dial.norm import DialNorm
from robustdial.dial.setting import Dial
from robustdial.dial.slim import SlimConv2d, SlimLinear

pytestmark = pytest.mark.rounding

LOGITS, GRADIENTS, STATISTICS = 1e-4, 2e-4, 1e-4  # as stated with the reference numbers


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def layers(golden):
    return golden("oats_layers")


def standing(level, rows=6, first=0):
    share = torch.tensor([0.0, 1.0])
    return Setting(torch.zeros(2, 1), share, (torch.arange(rows) >= first).long(), torch.ones(rows), first, level)


@pytest.mark.parametrize("level", range(3))
def test_convolutions_and_linear_layers_use_their_leading_channels(layers, level):
    narrow, wide = int(layers["channels"][level]), int(layers["channels2"][level])
    shared = Dial()
    shared.turn(standing(level))
    conv = SlimConv2d(nn.Conv2d(3, 8, 3, padding=1, bias=False), shared, layers["channels"].tolist())
    conv.layer.load_state_dict(layers.under("conv/init/"))
    close(conv(layers["x"]), layers[f"w{level}/conv_out"], LOGITS)
    conv = SlimConv2d(nn.Conv2d(8, 16, 3, stride=2, padding=1), shared, layers["channels2"].tolist())
    conv.layer.load_state_dict(layers.under("conv2/init/"))
    close(conv(layers["xc"][:, :narrow]), layers[f"w{level}/conv2_out"], LOGITS)
    conv.ins[level] = narrow
    close(conv.folded(standing(level))(layers["xc"][:, :narrow]), layers[f"w{level}/conv2_out"], LOGITS)
    linear = SlimLinear(nn.Linear(16, 10), shared, [10, 10, 10])
    linear.layer.load_state_dict(layers.under("linear/init/"))
    close(linear(layers["z"][:, :wide]), layers[f"w{level}/linear_out"], LOGITS)
    linear.ins[level] = wide
    close(linear.folded(standing(level))(layers["z"][:, :wide]), layers[f"w{level}/linear_out"], LOGITS)


def film_of(layers, prefix, channels):
    film = PaperFiLM().build(16, channels)
    film.load_state_dict({translated(name): value for name, value in layers.under(prefix).items()})
    return film


@pytest.mark.parametrize("level", range(3))
def test_film_is_cut_as_in_the_official_code(layers, level):
    c = int(layers["channels"][level])
    film = film_of(layers, "film/init/", layers["channels"].tolist())
    scale, shift = film(layers["lambda"][:, 0], level)
    out = layers["xc"][:, :c] * scale[:, :, None, None] + shift[:, :, None, None]
    close(out, layers[f"w{level}/film_out"], LOGITS)


class Unmodulated(nn.Module):
    def forward(self, codes, level):
        channels = (4, 6, 8)[level]
        return codes.new_ones(len(codes), channels), codes.new_zeros(len(codes), channels)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("level", range(3))
def test_each_width_has_batch_norms_of_its_own(layers, level, mode):
    c, case = int(layers["channels"][level]), f"w{level}/bn_{mode}_idx"
    firsts = {int(key.partition("/")[0]) for key in layers.under(case)}
    assert len(firsts) == 3
    for first in firsts:
        norm = DialNorm(nn.BatchNorm2d(8), Dial(), Unmodulated(), [4, 6, 8], dual=True)
        norm.load_state_dict({translated(name): value for name, value in layers.under("bn/init/").items()})
        norm.train(mode == "train")
        norm.dial.turn(standing(level, first=first))
        close(norm(layers["xc"][:, :c]), layers[f"{case}{first}/out"], LOGITS)
        for name, expected in layers.under(f"{case}{first}/after/").items() if mode == "train" else ():
            close(norm.get_buffer(translated(name)), expected, STATISTICS)


def translated(name):
    """A parameter's name in the official code as ours."""
    for theirs, ours in (("BN_c", "clean"), ("BN_a", "robust"), ("MLP.0", "fc1"), ("MLP.2", "fc2")):
        name = name.replace(theirs, ours)
    return name


class Block(nn.Module):
    """The residual block of the official networks, before it is dialed."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(8, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.conv_sc, self.bn_sc = nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16)

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + self.bn_sc(self.conv_sc(x))).relu()


def place_of(name):
    """A parameter of the official block as ours in the dialed one."""
    name = translated(name).replace("film1", "bn1.film").replace("film2", "bn2.film")
    return (
        name.replace("conv1.", "conv1.layer.").replace("conv2.", "conv2.layer.").replace("conv_sc.", "conv_sc.layer.")
    )


@pytest.mark.parametrize("level", range(3))
def test_a_dialed_residual_block_learns_as_the_official_one(layers, level):
    net = nn.Sequential(Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    net = nn.Sequential(nn.Conv2d(8, 8, 1), net)  # widths come from a layer before the block
    dials = Dials(widths=(0.5, 0.75, 1.0), conditioner=PaperFiLM())
    model = dial(net, dials, film=lambda name, module: "bn_sc" not in name, example=layers["xc"]).train()
    block, first, c = model.body[1][0], int(layers["idx_split"]), int(layers["channels"][level])
    block.load_state_dict({place_of(name): value for name, value in layers.under("block/init/").items()})
    rows = torch.arange(6)
    model.dial.turn(Setting(layers["lambda"][:, 0], torch.ones(6), rows, torch.ones(6), first, level))
    out = block(layers["xc"][:, :c])
    close(out, layers[f"w{level}/block_train_out"], LOGITS)
    out.square().sum().backward()
    recorded = layers.under(f"w{level}/block_grad/")
    assert recorded
    for name, expected in recorded.items():
        gradient = block.get_parameter(place_of(name)).grad
        torch.testing.assert_close(gradient, expected, atol=GRADIENTS * float(expected.abs().max()), rtol=0)
