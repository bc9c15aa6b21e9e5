"""Facts and counts are judged without a network; what is no evidence is refused."""

import pytest
import torch
from torch import nn

from robustdial.evaluate.check import CHECKS, Evidence, Facts, Stage, examine
from robustdial.evaluate.confusion import counted
from robustdial.method.threat import L2, Linf


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
