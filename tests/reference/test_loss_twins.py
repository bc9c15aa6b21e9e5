"""Published losses, and what else the weights learn by, written line by line, against the composition."""

import copy

import pytest
import torch
from torch.nn import functional as F
from twin import EPS, STEP, STEPS, Twin, ascent, compare, crossed, inside, slope, uniform, update

from robustdial.method.learner import AWP
from robustdial.method.objective import ALP, AT, MART, RSLAD, TRADES, GradAlign, Helped
from robustdial.method.solver import PGD, Step

pytestmark = pytest.mark.rounding


def divergence(clean, adv):
    return (clean.softmax(1) * (clean.softmax(1).log() - adv.softmax(1).log())).sum(1)


def diverging(model, x, target):
    return lambda delta: divergence(target, model(x + delta)).sum()


def trades(model, optimizer, batches, beta=6.0):
    """Zhang et al. 2019, algorithm 1: ascend on the divergence, descend on CE + beta divergence."""
    for x, y in batches:
        model.eval()
        target = model(x).detach()
        delta = ascent(diverging(model, x, target), uniform(x), x)
        model.train()
        clean = model(x)
        loss = F.cross_entropy(clean, y) + beta * divergence(clean, model(x + delta)).mean()
        update(optimizer, loss)


def mart(model, optimizer, batches, beta=5.0):
    """Wang et al. 2020, algorithm 1: boosted cross-entropy + beta divergence where the clean image is not sure."""
    for x, y in batches:
        model.eval()
        delta = ascent(crossed(model, x, y), uniform(x), x)
        model.train()
        clean = model(x)
        logits = model(x + delta)
        truth = F.one_hot(y, 4).bool()
        p = logits.softmax(1)
        boosted = -p[truth].log() - (1.0001 - p.masked_fill(truth, 0).amax(1)).log()
        loss = boosted + beta * divergence(clean, logits) * (1.0000001 - clean.softmax(1)[truth])
        update(optimizer, loss.mean())


def alp(model, optimizer, batches, weight=0.5):
    """Kannan et al. 2018, eq. 3: clean and adversarial cross-entropy, and the squared distance of the logits."""
    for x, y in batches:
        model.eval()
        delta = ascent(crossed(model, x, y), uniform(x), x)
        model.train()
        clean, adv = model(x), model(x + delta)
        loss = F.cross_entropy(clean, y) + F.cross_entropy(adv, y) + weight * F.mse_loss(clean, adv)
        update(optimizer, loss)


def gradalign(model, optimizer, batches, weight=0.2):
    """Andriushchenko & Flammarion 2020, eq. 4 on FGSM."""
    for x, y in batches:
        gradient = slope(crossed(model, x, y), torch.zeros_like(x))
        delta = inside(EPS * gradient.sign(), x)
        eta = uniform(x).requires_grad_()
        loss = F.cross_entropy(model(x + eta), y, reduction="sum")
        (bent,) = torch.autograd.grad(loss, eta, create_graph=True)
        dots, norms = (gradient * bent).sum((1, 2, 3)), gradient.flatten(1).norm(dim=1) * bent.flatten(1).norm(dim=1)
        update(optimizer, F.cross_entropy(model(x + delta), y) + weight * (1 - (dots / norms).mean()))


def awp(model, optimizer, batches, gamma=0.02):
    """Wu et al. 2020, algorithm 1, with the proxy network of the authors: its rate cancels."""
    for x, y in batches:
        model.eval()
        delta = ascent(crossed(model, x, y), uniform(x), x)
        model.train()
        proxy = copy.deepcopy(model)
        update(torch.optim.SGD(proxy.parameters(), lr=0.01), -F.cross_entropy(proxy(x + delta), y))
        moves = []
        with torch.no_grad():
            for weight, moved in zip(model.parameters(), proxy.parameters(), strict=True):
                if weight.dim() > 1:
                    apart = moved - weight
                    moves.append((weight, gamma * weight.norm() / apart.norm() * apart))
            for weight, move in moves:
                weight += move
        update(optimizer, F.cross_entropy(model(x + delta), y))
        with torch.no_grad():
            for weight, move in moves:
                weight -= move


def brightness(x):
    """A teacher: the brighter an image, the later the class."""
    return torch.stack([k * x.flatten(1).mean(1) for k in range(4)], dim=1)


def rslad(model, optimizer, batches, share=5 / 6):
    """Zi et al. 2021, public code: both sides follow the soft labels of a teacher on the clean images."""
    for x, _ in batches:
        soft = brightness(x).softmax(1)

        def apart(logits, soft=soft):
            return (soft * (soft.log() - logits.softmax(1).log())).sum(1)

        model.eval()
        delta = ascent(lambda delta, x=x, apart=apart: apart(model(x + delta)).sum(), uniform(x), x)
        model.train()
        robust, clean = apart(model(x + delta)).mean(), apart(model(x)).mean()
        update(optimizer, share * robust + (1 - share) * clean)


def tone(x):
    """A teacher: the class changes with every hundredth of brightness."""
    return F.one_hot((100 * x.flatten(1).mean(1)).long() % 4, 4).to(x)


def hat(model, optimizer, batches, beta=2.5, gamma=0.5, h=2.0):
    """Rade & Moosavi-Dezfooli 2022, public code: helpers at x + h r, labelled by a standard network at x + r."""
    for x, y in batches:
        model.eval()
        target = model(x).detach()
        delta = ascent(diverging(model, x, target), uniform(x), x)
        labels = tone(x + delta).argmax(1)
        assert (labels != tone(x).argmax(1)).any()
        model.train()
        clean, adv, helper = model(x), model(x + delta), model(x + h * delta)
        loss = (
            F.cross_entropy(clean, y) + beta * divergence(clean, adv).mean() + gamma * F.cross_entropy(helper, labels)
        )
        update(optimizer, loss)


ATTACK = PGD(Step(STEP))
TWINS = {
    "trades": Twin(trades, ATTACK, STEPS + 1, TRADES(6), exact=False),
    "mart": Twin(mart, ATTACK, STEPS + 1, MART(5), exact=False),
    "alp": Twin(alp, ATTACK, STEPS + 1, ALP(0.5), exact=False),
    "rslad": Twin(rslad, ATTACK, STEPS + 1, RSLAD(), exact=False, teacher=brightness),
    "hat": Twin(hat, ATTACK, STEPS + 1, Helped(TRADES(2.5)), exact=False, teacher=tone),
    "gradalign": Twin(gradalign, PGD(Step(EPS), 0.0, "train"), 2, GradAlign(AT(), 0.2), exact=False),
    "awp": Twin(awp, ATTACK, STEPS + 1, AT(), AWP(0.02), exact=False),
}


def parameters(model):
    return dict(model.named_parameters())


@pytest.mark.parametrize("name", TWINS)
def test_twins(name):
    """GradAlign forwards the clean images twice, and in another order: only running statistics see it."""
    compare(TWINS[name], *([parameters] if name == "gradalign" else []))
