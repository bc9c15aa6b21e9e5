"""Published adversaries written line by line, against the composition."""

import pytest
import torch
from torch.nn import functional as F
from twin import EPS, STEP, STEPS, Twin, ascent, compare, crossed, inside, slope, uniform, update

from robustdial.method.solver import PGD, YOPO, Carried, Friendly, Step

pytestmark = pytest.mark.rounding


def pgd(mode):
    """Madry et al. 2018: k steps of projected ascent from a uniform start, then one step of the weights."""

    def loop(model, optimizer, batches):
        for x, y in batches:
            model.train(mode == "train")
            delta = ascent(crossed(model, x, y), uniform(x), x)
            model.train()
            update(optimizer, F.cross_entropy(model(x + delta), y))

    return loop


def fgsm(model, optimizer, batches):
    """Goodfellow et al. 2015: one full step from the clean image."""
    for x, y in batches:
        gradient = slope(crossed(model, x, y), torch.zeros_like(x))
        delta = torch.clamp(EPS * gradient.sign(), -x, 1 - x)
        update(optimizer, F.cross_entropy(model(x + delta), y))


def fgsm_rs(model, optimizer, batches):
    """Wong et al. 2020, algorithm 3: one step of 1.25 eps from a uniform start, clipped to the ball."""
    for x, y in batches:
        delta = uniform(x).requires_grad_()
        F.cross_entropy(model(x + delta), y).backward()
        delta = torch.clamp(delta.detach() + 1.25 * EPS * delta.grad.sign(), -EPS, EPS)
        delta = torch.clamp(delta, -x, 1 - x)
        update(optimizer, F.cross_entropy(model(x + delta), y))


def free(replays):
    """Shafahi et al. 2019, algorithm 1: m replays of each batch, the perturbation carried from batch to batch."""

    def loop(model, optimizer, batches):
        delta = torch.zeros_like(batches[0][0])
        for x, y in batches:
            for _ in range(replays):
                delta.requires_grad_()
                optimizer.zero_grad()
                F.cross_entropy(model(x + delta), y).backward()
                gradient, delta = delta.grad, delta.detach()
                optimizer.step()
                delta = torch.clamp(delta + EPS * gradient.sign(), -EPS, EPS)
                delta = torch.clamp(delta, -x, 1 - x)

    return loop


def hamiltonian(p, first, x):
    return lambda delta: (p * first(x + delta)).sum()


def yopo(outer, inner):
    """Zhang et al. 2019, algorithm 1, with the mean of the gradients: the inner loop goes through the first layer."""

    def loop(model, optimizer, batches):
        first, rest = model[0], model[1:]
        for x, y in batches:
            delta = uniform(x)
            optimizer.zero_grad()
            for _ in range(outer):
                hidden = first(x + delta)
                hidden.retain_grad()
                (F.cross_entropy(rest(hidden), y) / outer).backward()
                p = -hidden.grad
                for _ in range(inner):
                    descent = slope(hamiltonian(p, first, x), delta)
                    delta = inside(delta - STEP * descent.sign(), x)
            optimizer.step()

    return loop


def fat(patience):
    """Zhang et al. 2020, algorithm 1, image by image: stop `patience` steps after the first misclassification."""

    def friend(model, x, y, delta):
        left = patience
        for _ in range(STEPS):
            if model(x + delta).argmax() != y:
                if not left:
                    break
                left -= 1
            delta = inside(delta + STEP * slope(crossed(model, x, y), delta).sign(), x)
        return delta

    def loop(model, optimizer, batches):
        for x, y in batches:
            start = uniform(x)
            model.eval()
            deltas = [friend(model, x[i : i + 1], y[i : i + 1], start[i : i + 1]) for i in range(len(x))]
            model.train()
            update(optimizer, F.cross_entropy(model(x + torch.cat(deltas)), y))

    return loop


TWINS = {
    "pgd, eval": Twin(pgd("eval"), PGD(Step(STEP)), STEPS + 1),
    "pgd, train": Twin(pgd("train"), PGD(Step(STEP), mode="train"), STEPS + 1),
    "fgsm": Twin(fgsm, PGD(Step(EPS), noise=0.0, mode="train"), 2),
    "fgsm-rs": Twin(fgsm_rs, PGD(Step(1.25 * EPS), mode="train"), 2),
    "free": Twin(free(3), Carried(Step(EPS)), 3),
    "yopo-3-2": Twin(yopo(3, 2), YOPO(Step(STEP), inner=2), 3),
    "fat, patience 0": Twin(fat(0), Friendly(Step(STEP)), STEPS + 1, exact=False),
    "fat, patience 2": Twin(fat(2), Friendly(Step(STEP), patience=2), STEPS + 1, exact=False),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins(name):
    compare(TWINS[name])
