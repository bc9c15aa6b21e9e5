"""A folded network is the same function."""

import pytest
import torch
from torch import nn

from robustdial.folding import Folding, folded
from robustdial.models import build
from robustdial.precision import Prepared


def norms(net):
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def settle(net):
    """Batch norms as after a training."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    return net.eval()


@pytest.mark.parametrize(
    ("name", "left"), [("cnn", 0), ("resnet18", 0), ("vgg16", 0), ("preact_resnet18", 9), ("wrn16_8", 6)]
)
def test_a_folded_network_has_the_logits_and_gradients_of_the_plain_one(name, left):
    net = settle(build(name, classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.5] * 3, width=8))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    quick, x = folded(net), torch.rand(2, 3, 32, 32)
    found = []
    for f in (net, quick):
        images = x.clone().requires_grad_()
        logits = f(images)
        (gradient,) = torch.autograd.grad(logits[:, 0].sum(), images)
        found.append((logits.detach(), gradient))
    assert norms(quick) == left
    assert not any(layer.training for layer in quick.modules())
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(one.abs().max()))
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


class Wired(nn.Module):
    """A convolution, a batch norm, and a way between them."""

    def __init__(self, way):
        super().__init__()
        self.conv, self.norm, self.way = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), way

    def forward(self, x):
        return self.way(self, x)


WAYS = {
    "behind one another": (lambda net, x: net.norm(net.conv(x)), 0),
    "read elsewhere": (lambda net, x: net.norm(y := net.conv(x)) + y, 1),
    "a convolution called twice": (lambda net, x: net.norm(net.conv(net.conv(x))), 1),
    "a batch norm called twice": (lambda net, x: net.norm(net.conv(x)) + net.norm(x), 1),
    "something between them": (lambda net, x: net.norm(net.conv(x).relu()), 1),
    "a branch on the input": (lambda net, x: net.norm(net.conv(x)) if x.sum() > 0 else x, 1),
    "a weight that is read by itself": (lambda net, x: net.norm(net.conv(x)) + net.conv.weight.sum(), 1),
    "never called": (lambda net, x: x, 1),
}


@pytest.mark.parametrize(("way", "left"), WAYS.values(), ids=WAYS)
def test_a_batch_norm_is_folded_where_it_alone_reads_the_convolution(way, left):
    net = settle(Wired(way))
    quick, x = folded(net), torch.rand(2, 3, 4, 4)
    assert norms(quick) == left
    assert not any(layer.training for layer in quick.modules())
    torch.testing.assert_close(quick(x), net(x))


def test_a_batch_norm_without_running_statistics_stays():
    net = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)).eval()
    assert norms(folded(net)) == 1


def test_a_network_in_training_mode_is_refused():
    with pytest.raises(ValueError, match=r"model\.eval\(\)"):
        folded(nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)))


def tried(net, x):
    return Folding.tried(net, net, x)


@pytest.mark.parametrize(("way", "left"), WAYS.values(), ids=WAYS)
def test_a_network_is_folded_in_place_and_unfolded_again(way, left):
    net, x = settle(Wired(way)), torch.rand(2, 3, 4, 4)
    layers, before = list(net.modules()), net(x)
    folding = tried(net, x)
    with folding.applied():
        assert norms(net) == left
        torch.testing.assert_close(net(x), before)
    assert list(net.modules()) == layers
    assert torch.equal(net(x), before)


def test_a_folding_follows_weights_and_statistics():
    net, x = (
        settle(build("cnn", classes=3, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.5] * 3, width=4)),
        torch.rand(4, 3, 8, 8),
    )
    folding = tried(net, x)
    assert folding.pairs
    settle(net)
    with torch.no_grad():
        [weight.mul_(1.1) for weight in net.parameters()]
    plain = net(x)
    with folding.applied():
        torch.testing.assert_close(net(x), plain, rtol=1e-4, atol=1e-5)


def test_what_is_not_the_same_when_folded_is_not_folded():
    net, x = settle(Wired(WAYS["behind one another"][0])), torch.rand(2, 3, 4, 4)
    net.conv.register_forward_hook(lambda layer, given, out: out.clamp(min=0))  # it sees a folded output
    folding = tried(net, x)
    assert not folding.pairs
    with folding.applied():
        assert norms(net) == 1


def test_an_error_under_attack_leaves_the_network_unfolded():
    net, x = settle(Wired(WAYS["behind one another"][0])), torch.rand(2, 3, 4, 4)
    layers = list(net.modules())
    with pytest.raises(KeyboardInterrupt), Prepared(net, "float32").standing(x):
        raise KeyboardInterrupt
    assert list(net.modules()) == layers


def test_trying_spends_no_random_number_of_the_run():
    net, x = settle(Wired(lambda net, x: net.norm(net.conv(x)) + torch.rand(()))), torch.rand(2, 3, 4, 4)
    state = torch.get_rng_state()
    assert len(tried(net, x).pairs) == 1
    assert torch.equal(torch.get_rng_state(), state)
