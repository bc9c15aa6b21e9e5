"""Evidence is taken once, at a known cost, and leaves everything as it was."""

import cProfile
import json
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from robustdial.evaluate.check import CHECKS, Evidence, examine
from robustdial.method.threat import Linf
from robustdial.method.threat.base import within_image

pytestmark = pytest.mark.rounding


class Counted(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net, self.images, self.training = net, 0, False

    def forward(self, x):
        self.images += len(x)
        return self.net(x)


def by_id(evidence):
    return {finding.id: finding for finding in examine(evidence)}


def test_all_checks_cost_140_passes_at_the_most(honest, probe):
    net = Counted(honest["adversarial"])
    list(examine(Evidence(net, *probe(64), Linf(0.02), another=honest["standard"])))  # where nearly all stand
    assert 90 * 64 < net.images <= 140 * 64


def test_the_network_and_the_generator_are_left_as_they_were(honest, probe):
    net = nn.Sequential(honest["adversarial"], nn.Dropout(0.1)).train()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.get_rng_state()
    list(examine(Evidence(net, *probe(32), Linf(0.1))))
    assert all(layer.training for layer in net.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    net.eval()


def test_the_other_network_is_left_as_it_was(honest, probe):
    other = honest["adversarial"].train()
    state = {name: value.clone() for name, value in other.state_dict().items()}
    list(examine(Evidence(honest["standard"], *probe(32), Linf(0.1), another=other)))
    assert all(layer.training for layer in other.modules())
    assert all(torch.equal(value, state[name]) for name, value in other.state_dict().items())
    other.eval()


def test_the_same_seed_finds_the_same(honest, probe):
    evidence = Evidence(honest["standard"], *probe(32), Linf(0.1), seed=3)
    assert list(examine(evidence)) == list(examine(replace(evidence)))


def test_findings_are_json(honest, probe):
    findings = [finding._asdict() for finding in examine(Evidence(honest["standard"], *probe(32), Linf(0.1)))]
    assert json.loads(json.dumps(findings)) == findings
    assert len({finding["id"] for finding in findings}) == len(CHECKS)


def test_images_outside_the_unit_cube_are_not_attacked(honest, probe):
    x, y = probe(32)
    found = by_id(Evidence(honest["standard"], (x - 0.3) / 0.35, y, Linf(0.1)))
    assert found["pixel-range"].state == found["normalisation"].state == "raised"
    assert found["black-box"].state == found["large-radius"].state == "skipped"


def test_a_network_that_is_hardly_ever_right_is_not_attacked(honest, probe):
    x, y = probe(32)
    found = by_id(Evidence(honest["standard"], x, (y + 1) % 10, Linf(0.1)))
    assert found["one-step"].state == "skipped"
    assert "classified rightly" in found["one-step"].seen


def test_gradients_that_are_not_finite_are_told(honest, probe):
    def f(x):
        return honest["standard"](x + (x - x.detach()).sqrt())  # the square root of zero has an infinite slope

    found = by_id(Evidence(f, *probe(32), Linf(0.1)))
    assert found["zero-gradients"].state == "raised"
    assert "not finite" in found["zero-gradients"].seen


def test_a_profiler_is_left_running(honest, probe):
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        found = by_id(Evidence(honest["standard"], *probe(8), Linf(0.1)))
        assert sys.getprofile() is not None or sys.version_info >= (3, 12)
    finally:
        profiler.disable()
    assert found["dynamic-forward"].state in ("skipped", "passed")


def test_a_threat_of_another_kind_is_attacked_as_far_as_it_can_be(honest, probe):
    class Bright:
        radius = 0.1

        def noise(self, x, reach, amount):
            return self.project(amount * self.radius * torch.rand_like(x), x, reach)

        def ascend(self, z, gradient, size):
            return Linf(self.radius).ascend(z, gradient, size)

        def project(self, z, x, reach):
            return within_image(z.clamp(0, self.radius), x)

        def apply(self, x, z):
            return x + z

    found = by_id(Evidence(honest["standard"], *probe(32), Bright()))
    assert [found[id].state for id in ("one-step", "noise", "black-box", "large-radius")] == [
        "passed",
        "passed",
        "skipped",
        "skipped",
    ]


def test_a_network_of_half_precision_is_not_judged_by_small_steps(honest, probe):
    f = lambda x: honest["standard"](x).half()  # noqa: E731
    assert by_id(Evidence(f, *probe(32), Linf(0.1)))["wrong-gradients"].state == "skipped"
