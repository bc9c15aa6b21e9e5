"""What cannot follow a dial is told in a line, and what is kept of the network that is dialed."""

import pytest
import torch
from architectures import WIDTHS, assert_close, unsettled
from torch import nn

from robustdial.dial import Dials, dial
from robustdial.dial.kinds import channel_dim
from robustdial.dial.surgery import norms


class PatchNorm(nn.Module):
    """Normalises each patch of an image as if it were an image, as MobileViT does."""

    def __init__(self):
        super().__init__()
        self.norm, self.conv, self.head = nn.LayerNorm(12), nn.Conv2d(3, 4, 1), nn.Linear(4, 10)

    def forward(self, x):
        patches = self.norm(x.reshape(len(x) * 4, -1, 12)).reshape(x.shape)
        return self.head(self.conv(patches).mean((2, 3)))


class Auxiliary(nn.Module):
    """In training it returns the logits of two classifiers, as GoogLeNet does."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)
        self.aux = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 10))

    def forward(self, x):
        x = self.conv(x).mean((2, 3))
        return (self.head(x), self.aux(x)) if self.training else self.head(x)


class TwoHeads(nn.Module):
    """The average of two classifiers, as in a distilled DeiT."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.one, self.two = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().mean((2, 3))
        return (self.one(x) + self.two(x)) / 2


def small(*layers):
    return nn.Sequential(nn.Conv2d(3, 4, 3), *layers, nn.Flatten(), nn.LazyLinear(10))


def built(net):
    net(torch.rand(2, 3, 8, 8))
    return net


def dialed_small(*layers, **options):
    return dial(built(small(*layers)), **options)


X = torch.zeros(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dial(small()), ValueError, "'2.weight' is not built yet"),
        (lambda: dial(nn.DataParallel(small())), TypeError, "model.module"),
        (lambda: dial(torch.compile(small())), TypeError, "compile what dial"),
        (lambda: dial(nn.Sequential(nn.Linear(4, 4), nn.CrossMapLRN2d(4))), ValueError, "no norm and .*--dial line"),
        (lambda: dialed_small(nn.SyncBatchNorm(4).eval()), TypeError, r"'1' \(SyncBatchNorm\) .*sites="),
        (lambda: dialed_small(example=torch.zeros(2, 3, 9, 9)), ValueError, r"\[2, 3, 9, 9\]: layer '2' \(Linear\)"),
        (lambda: dial(Auxiliary()).train()(X, dial(Auxiliary()).setting(0.3)), TypeError, "tuple, not logits"),
        (lambda: dial(Auxiliary().eval(), WIDTHS, example=X), ValueError, "'aux.0' took no part"),
        (lambda: dial(PatchNorm(), sites=norms, example=X), ValueError, "'norm' .*8 rows of a batch of 2.*sites="),
        (lambda: dialed_small(dials=WIDTHS, example=X, slim=lambda name, _: False), ValueError, "or name with slim="),
        (
            lambda: dialed_small(nn.GroupNorm(2, 4), dials=Dials(widths=(0.25, 1.0)), example=X),
            ValueError,
            "whole groups of 2",
        ),
    ],
)
def test_what_cannot_be_dialed_is_told_in_a_line(make, error, words):
    with pytest.raises(error, match=words) as refusal:
        make()
    assert "\n" not in str(refusal.value)


def test_without_an_example_a_missing_lambda_is_told_in_training():
    model = dial(PatchNorm())
    with pytest.raises(ValueError, match=r"8 rows of a batch of 2.*example=x"):
        model(X, model.settings(torch.tensor([0, 3]))[0])
    without = dial(PatchNorm(), example=X)
    assert [site.name for site in without.sites] == ["conv"]
    assert without(X, without.settings(torch.tensor([0, 3]))[0]).shape == (2, 10)


def test_no_classifier_is_cut():
    model = dial(TwoHeads(), WIDTHS, example=X)
    assert model.at(0.3, 0.5)(X).shape == (2, 2)
    narrow = model.bake(0.3, 0.5)
    assert (narrow.conv.out_channels, narrow.one.out_features, narrow.two.out_features) == (2, 2, 2)


def test_a_dialed_network_has_the_mode_and_the_number_format_of_the_plain_one():
    net = built(small(nn.BatchNorm2d(4).eval(), nn.Dropout())).double()
    net[1].weight.requires_grad_(False)
    model = dial(net)
    assert (model.training, model.body[1].training, model.body[2].training) == (True, False, True)
    assert not model.body[1].robust[0].weight.requires_grad
    assert model.eval().at(0.3)(X.double()).dtype == torch.float64


def test_a_parametrized_layer_can_follow_the_dial():
    net = small()
    nn.utils.parametrizations.spectral_norm(net[0])
    model = unsettled(dial(built(net))).eval()
    baked = model.bake(0.3)
    assert_close(baked(X).detach(), model.at(0.3)(X).detach())
    assert type(baked[0]) is nn.Conv2d


@torch.no_grad()
def test_what_a_network_kept_from_its_weights_is_told():
    net = small(nn.BatchNorm2d(4))
    built(net)
    with torch.enable_grad():
        net[0].kept = 2 * net[0].weight
    with pytest.raises(ValueError, match=r"model\.train\(\) and then model\.eval\(\)"):
        dial(net)


def test_the_look_at_a_wide_layer_norm_is_cheap():
    assert channel_dim(nn.LayerNorm(1_000_000, elementwise_affine=False)) == -1
