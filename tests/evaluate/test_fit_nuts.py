"""MixedNUTS is fitted so that the mixture keeps, against any partner, what the robust network withstands."""

import pytest
import torch

import robustdial as rd
from robustdial.attack import parse
from robustdial.evaluate import fit_nuts

THREAT = rd.Linf(0.1)


@pytest.fixture(scope="module")
def robust():
    return rd.from_pretrained("robustdial/digits-radial").at(1.0)


@pytest.fixture(scope="module")
def val():
    return rd.load("digits").val


def test_the_told_share_keeps_what_is_withstood_against_the_worst_partner(robust, val):
    torch.manual_seed(0)
    fit = fit_nuts(robust, val, "pgd-3", THREAT, n=60)
    x, y = next(val.batches([torch.arange(60)]))
    x = x.float() / 255
    attacked = parse("pgd-3")(robust, x, y, THREAT)
    logits = robust(attacked).detach()
    withstood = (logits.argmax(1) == y) & (robust(x).argmax(1) == y)
    mixed = fit.share * fit.nuts(logits).softmax(1)
    rival = mixed.masked_fill(torch.nn.functional.one_hot(y, 10).bool(), -1).argmax(1)
    mixed[torch.arange(len(y)), rival] += 1 - fit.share  # a partner that is certain of the likeliest wrong class
    kept = (mixed.argmax(1) == y)[withstood].float().mean()
    assert withstood.sum() > 30 and kept > 0.93  # 0.985 of the images it was fitted on


def test_without_images_of_both_kinds_there_is_nothing_to_fit(robust, val):
    with pytest.raises(ValueError, match="Mix probabilities"):
        fit_nuts(robust, val, "pgd-1", rd.Linf(1e-6), n=10)
    with pytest.raises(ValueError, match="n=0"):
        fit_nuts(robust, val, "pgd-1", THREAT, n=0)
