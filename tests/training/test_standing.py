"""While an adversary climbs, weights stand still: what is computed once for that changes nothing."""

import pytest
import torch

import robustdial as rd
from robustdial.data import Batch, CropFlip, Origin
from robustdial.dial import Dialed, unchanged
from robustdial.folding import Folding
from robustdial.models import build
from robustdial.precision import Prepared
from robustdial.recipes import recipe
from robustdial.training import optimizer_for, train_batch

PLAIN = ["pgd-at", "trades", "mart", "fat", "fgsm-rs", "n-fgsm", "zerograd", "free", "deat-d", "atta", "fgsm-pgi"]
DIALS = ["oat", "radial", "radial-trades"]


def network():
    torch.manual_seed(0)
    return build("cnn", classes=10, shape=(1, 8, 8), mean=[0.3], std=[0.4], width=4).double()


def trained(name, net):
    """Losses and weights of three updates."""
    method = recipe(name)(**({"warm": 0.0} if name in DIALS[1:] else {}))
    model = method.dial.put_on(net)
    forward, optimizer, memories = Prepared(model, "float32"), optimizer_for(model, 0.05), []
    torch.manual_seed(1)
    for number in range(3):
        x, y = torch.rand(12, 1, 8, 8, dtype=torch.double), torch.arange(12) % 10
        batch = Batch(x, y, Origin(torch.arange(12) + 12 * number, 36, CropFlip(1).draw(x)))
        train_batch(model, batch, method, 3, optimizer, memories, forward=forward)
    return model.state_dict(), forward


@pytest.mark.parametrize("name", PLAIN + DIALS)
def test_updates_are_those_of_a_network_called_as_it_is(name, monkeypatch):
    found, forward = trained(name, network())
    monkeypatch.setattr(Prepared, "standing", lambda self, x: unchanged(x))
    monkeypatch.setattr(Dialed, "standing", lambda self, x: unchanged(x))
    expected, _ = trained(name, network())
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-9, msg=key)
    assert forward.model.training


@pytest.mark.parametrize("name", ["pgd-at", "oat"])
def test_what_stands_still_is_computed_once_a_batch(name, monkeypatch):
    looks = []
    for owner, verb in ((Folding, "applied"), (Dialed, "standing")):
        was = getattr(owner, verb)
        monkeypatch.setattr(owner, verb, lambda *given, was=was, verb=verb: looks.append(verb) or was(*given))
    trained(name, network())
    # once to try it, and once for each batch
    assert looks == (["applied"] * 4 if name == "pgd-at" else ["standing"] * 3)


def test_a_standing_dial_forgets_when_its_weights_move():
    model = rd.dial(network()).eval().requires_grad_(False)
    x, setting = torch.rand(2, 1, 8, 8, dtype=torch.double), model.setting(0.4)
    with model.standing(x):
        first = model(x, setting)
        for film in [m for m in model.modules() if hasattr(m, "film")]:
            [weight.add_(0.1) for weight in film.parameters()]
        assert torch.equal(model(x, setting), first)
        assert not torch.equal(model(x, model.setting(0.8)), first)
    assert not torch.equal(model(x, setting), first)
