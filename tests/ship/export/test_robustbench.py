"""A network as RobustBench takes it, without this library."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from robustdial.attack import PGDAttack
from robustdial.dial import Dials, dial
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.ship.export import FORMATS, Facts, model_info, write_checked

SHAPE, LAM, EPS, FORM = (3, 16, 16), 0.3, 0.1, FORMATS["robustbench"]
ALONE = """
import sys
sys.modules["robustdial"] = None  # whoever imports it fails
import torch
from safetensors.torch import load_file, save_file
saved = load_file("asked.safetensors")
images, y = saved["x"].requires_grad_(), saved["y"]
{lines}
assert isinstance(net, torch.nn.Module) and not net.training
assert not net.eval().train().to("cpu").training
(slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, y), images)
save_file({{"logits": logits.detach(), "slope": slope}}, "answered.safetensors")
"""


@pytest.fixture(scope="module")
def baked(tmp_path_factory):
    """A dialed network, and the folder of what was written of it."""
    torch.manual_seed(0)
    folder, settings = tmp_path_factory.mktemp("robustbench"), {"mean": [0.4] * 3, "std": [0.2] * 3, "width": 4}
    net = dial(build("cnn", classes=10, shape=SHAPE, **settings), Dials(lambdas=(0, 1))).eval()
    facts = Facts("cnn", 4, tuple("abcdefghij"), SHAPE, (0.4,) * 3, (0.2,) * 3, LAM, 1.0)
    path = folder / FORM.file
    write_checked(FORM, net.bake(LAM), facts, path, torch.rand(4, *SHAPE), net.at(LAM), torch.rand(9, *SHAPE))
    return net, facts, path


def test_logits_and_gradients_are_the_dialed_networks_in_a_process_without_this_library(baked):
    net, facts, path = baked
    x, y = torch.rand(6, *SHAPE, requires_grad=True), torch.arange(6)
    save_file({"x": x.detach(), "y": y}, path.parent / "asked.safetensors")
    code = ALONE.format(lines=FORM.lines(str(path), facts))
    subprocess.run([sys.executable, "-I", "-c", code], cwd=path.parent, check=True)
    answered = load_file(path.parent / "answered.safetensors")
    logits = net.at(LAM)(x)
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(logits, y), x)
    torch.testing.assert_close(answered["logits"], logits.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(answered["slope"], slope, rtol=0, atol=1e-5 * float(slope.abs().max()))
    assert slope.abs().max() > 0


def test_an_attack_does_to_it_what_it_does_to_the_dialed_network(baked):
    net, _, path = baked
    x, y, found = torch.rand(20, *SHAPE), torch.arange(20) % 10, FORM.open(path)

    def loss(f, x):
        with torch.no_grad():
            return nn.functional.cross_entropy(f(x), y)

    attack = PGDAttack(5, noise=0.0)
    there, here = (loss(f, attack(f, x, y, Linf(EPS))) for f in (found, net.at(LAM)))
    torch.testing.assert_close(there, here, rtol=1e-4, atol=0)
    assert there > loss(found, x)
    assert not any(module.training for module in found.modules())


def about(**changes):
    point = {"clean": 0.583, "robust": 0.4125, "eps": 8 / 255, "attack": "autoattack", "n": 10_000}
    return {
        "network": {"model": "resnet18", "lam": 0.4, "width": 1.0},
        "run": {"recipe": "oat", "data": "cifar10", "test": 10_000, "additional_data": False},
        "measured": point | changes,
    }


def test_the_model_info_has_the_words_of_robustbench():
    assert json.loads(json.dumps(model_info(about()))) == {
        "link": None,
        "name": "oat at lambda 0.4 (robustdial)",
        "authors": None,
        "additional_data": False,
        "number_forward_passes": 1,
        "dataset": "cifar10",
        "venue": "Unpublished",
        "architecture": "resnet18",
        "eps": "8/255",
        "clean_acc": "58.30",
        "reported": "41.25",
        "autoattack_acc": "41.25",
        "unreliable": None,  # nothing has looked for it
    }


@pytest.mark.parametrize("changes", [{"attack": "pgd-20"}, {"n": 1000}])
def test_less_than_autoattack_on_every_image_is_not_called_so(changes):
    info = model_info(about(**changes))
    assert (info["reported"], info["autoattack_acc"]) == ("41.25", None)
