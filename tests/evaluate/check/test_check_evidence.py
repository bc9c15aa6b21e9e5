"""Evidence is taken once, at a known cost, and leaves everything as it was; facts are judged without a network."""

import cProfile
import json
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from robustdial.evaluate.check import CHECKS, Evidence, Facts, Stage, examine
from robustdial.evaluate.confusion import counted
from robustdial.method.threat import L2, Linf
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


def answered(k, share, order, per=50, classes=10):
    """Counts of a network that is right on a `share` of the images, and answers at random on the others."""
    generator = torch.Generator().manual_seed(k)
    labels = torch.arange(classes).repeat(per)
    guess = torch.randint(classes, labels.shape, generator=generator)
    told = torch.where(torch.rand(labels.shape, generator=generator) < share, labels, guess)
    return counted(labels, nn.functional.one_hot(torch.tensor(order)[told], classes).float())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("share", "order", "per", "state"),
    [
        (0.9, range(10), 50, "passed"),
        (0.3, range(10), 50, "passed"),
        (0.0, range(10), 50, "passed"),
        (0.0, range(10), 10, "passed"),
        (0.9, range(10), 5, "skipped"),
        (0.9, [1, 0, *range(2, 10)], 50, "raised"),
        (0.7, [1, 0, *range(2, 10)], 50, "raised"),
        (0.7, [*range(1, 10), 0], 50, "raised"),
        (0.9, [3, 0, 1, 2, *range(4, 10)], 20, "raised"),
        (0.9, [3] * 10, 50, "passed"),  # one answer for all
        (0.9, [0, 0, *range(2, 10)], 50, "passed"),  # one class taken for another
        (0.9, [0, 1, 2, 3, 4] * 2, 50, "passed"),
    ],
)
def test_labels_in_another_order_are_told_from_weak_answers(seed, share, order, per, state):
    counts = answered(seed, share, list(order), per)
    evidence = Evidence(lambda x: x.flatten(1), torch.rand(4, 1, 2, 2), torch.zeros(4).long(), Linf(0.1), counts=counts)
    (finding,) = examine(evidence, [check for check in CHECKS if check.id == "permuted-labels"])
    assert finding.state == state, finding.seen


def test_which_names_are_exchanged_is_told():
    x, y, facts = torch.rand(4, 1, 2, 2), torch.zeros(4).long(), Facts(classes=tuple("abcdefghij"))
    for order, words in (([1, 0, *range(2, 10)], "if a and b are exchanged"), ([*range(1, 10), 0], "a is taken for b")):
        evidence = Evidence(lambda x: x.flatten(1), x, y, Linf(0.1), facts, counts=answered(0, 0.9, order))
        (finding,) = examine(evidence, [check for check in CHECKS if check.id == "permuted-labels"])
        assert words in finding.seen


@pytest.mark.parametrize(
    ("facts", "id", "state"),
    [
        (Facts(), "selection", "skipped"),
        (Facts(part="test"), "selection", "skipped"),
        (Facts(part="train"), "selection", "raised"),
        (Facts(part="test", chosen_on="test"), "selection", "raised"),
        (Facts(part="val", chosen_on="val"), "selection", "raised"),
        (Facts(part="test", chosen_on="val"), "selection", "passed"),
        (Facts(part="test", chosen_on="none"), "selection", "passed"),
        (Facts(), "sample-size", "skipped"),
        (Facts(n=99), "sample-size", "raised"),
        (Facts(n=100), "sample-size", "passed"),
        (Facts(n=1000, interval=(0.47, 0.53), gap=0.02), "sample-size", "raised"),
        (Facts(n=10_000, interval=(0.49, 0.51), gap=-0.05), "sample-size", "passed"),
        (Facts(), "cascade", "skipped"),
        (Facts(stages=(Stage("square", 900, 500),)), "cascade", "skipped"),
        (Facts(n=1000, stages=(Stage("apgd-ce", 900, 500), Stage("square", 500, 497))), "cascade", "raised"),
        (Facts(n=10_000, stages=(Stage("apgd-ce", 9000, 5000), Stage("square", 5000, 4981))), "cascade", "passed"),
        (Facts(n=100, stages=(Stage("apgd-ce", 90, 50), Stage("square", 50, 48))), "cascade", "passed"),
    ],
)
def test_facts_are_judged(facts, id, state):
    evidence = Evidence(lambda x: x.flatten(1), torch.rand(4, 1, 2, 2), torch.zeros(4).long(), Linf(0.1), facts)
    (finding,) = examine(evidence, [check for check in CHECKS if check.id == id])
    assert finding.state == state


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"x": torch.rand(4, 2, 2)}, ValueError, "B, C, H, W"),
        ({"x": torch.rand(0, 1, 2, 2), "y": torch.zeros(0).long()}, ValueError, "at least one"),
        ({"y": torch.zeros(3).long()}, ValueError, "as many labels"),
        ({"x": torch.zeros(4, 1, 2, 2, dtype=torch.uint8)}, TypeError, "floats"),
        ({"y": torch.zeros(4)}, TypeError, "int64"),
    ],
)
def test_wrong_evidence_is_refused(change, error, word):
    right = {"f": lambda x: x.flatten(1), "x": torch.rand(4, 1, 2, 2), "y": torch.zeros(4).long(), "threat": L2(0.1)}
    with pytest.raises(error, match=word):
        Evidence(**right | change)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: x, ValueError),
        (lambda x: x.flatten(1) / 0, FloatingPointError),
        (lambda x: x.flatten(1)[:, :0], ValueError),
    ],
    ids=["shape", "infinite", "no logit of the label"],
)
def test_answers_that_are_no_logits_are_refused(f, error):
    evidence = Evidence(f, torch.rand(4, 1, 2, 2), torch.zeros(4).long(), Linf(0.1))
    with pytest.raises(error):
        list(examine(evidence))
