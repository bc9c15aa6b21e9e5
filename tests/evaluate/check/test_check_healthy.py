"""No check is raised on an honest network, robust or not, however the images are drawn."""

import numpy as np
import pytest
import torch
from broken import Around, same

from robustdial.evaluate.check import Evidence, examine
from robustdial.method.threat import L2, Linf
from robustdial.models import ResNet
from robustdial.typing import px

HEALTHY = {
    "standard": lambda nets: nets["standard"],
    "adversarial": lambda nets: nets["adversarial"],
    "dialed at 0": lambda nets: nets["dialed"].at(0.0),
    "dialed at 0.2": lambda nets: nets["dialed"].at(0.2),
    "dialed at 1": lambda nets: nets["dialed"].at(1.0),
    "baked": lambda nets: nets["dialed"].bake(0.4),
    "a function": lambda nets: lambda x: nets["standard"](x),
    "log-probabilities": lambda nets: Around(nets["standard"], same, lambda z: z.log_softmax(1)),
    "answers in half precision": lambda nets: Around(nets["standard"], same, lambda z: z.bfloat16().float()),
    "confident": lambda nets: Around(nets["standard"], same, lambda z: 3 * z),
}


def raised(evidence):
    return {finding.id: finding.seen for finding in examine(evidence) if finding.state == "raised"}


@pytest.mark.parametrize("name", HEALTHY)
def test_no_check_is_raised_on_an_honest_network(name, honest, probe):
    f = HEALTHY[name](honest)
    assert not raised(Evidence(f, *probe(64, seed=1), Linf(0.1), another=honest["adversarial"]))


@pytest.mark.parametrize(
    ("name", "threat", "seed"),
    [
        ("standard", Linf(0.02), 2),
        ("adversarial", Linf(0.4), 3),
        ("standard", L2(2.0), 4),
        ("adversarial", L2(0.5), 5),
    ],
)
def test_no_check_is_raised_at_any_radius(name, threat, seed, honest, probe):
    assert not raised(Evidence(honest[name], *probe(64, seed), threat, another=honest["dialed"].at(0.2)))


def test_no_check_is_raised_on_a_network_that_falls_at_once(honest, probe):
    evidence = Evidence(honest["standard"], *probe(64), Linf(0.5))
    assert not evidence.multi_step.any()
    assert not raised(evidence)


def test_no_check_is_raised_on_a_network_that_knows_nothing(probe):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    assert not raised(Evidence(net, *probe(64), Linf(0.1)))


def test_no_check_is_raised_on_colour_images(shared):
    from safetensors.torch import load_file

    net = ResNet(10, 3, width=16).eval()
    net.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"))
    with np.load(shared / "reference" / "autoattack.npz") as arrays:
        x, y = (torch.from_numpy(arrays[name][:24]) for name in ("x", "y"))
    evidence = Evidence(net, x, y, Linf(px(8)))
    assert not raised(evidence)
    assert evidence.multi_step.any()
