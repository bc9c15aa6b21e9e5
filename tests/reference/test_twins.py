"""Published loops written line by line, against the composition.

Where the arithmetic is the same, so is every bit. Where sums are taken in another order, the two are compared in double
precision, in which no gradient is so near to zero that its sign could turn.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.data import Batch, epoch_order, from_tensors
from robustdial.dial import Dials, Fixed, dial
from robustdial.method import Method
from robustdial.method.learner import AWP, Learner, Plain
from robustdial.method.objective import ALP, AT, MART, TRADES, Blend, GradAlign
from robustdial.method.schedule import Constant, Delayed, Magnitude, Threshold
from robustdial.method.solver import PGD, YOPO, Carried, Friendly, Replay, Step
from robustdial.method.threat import L2, Linf
from robustdial.recipes import oat, pgd_at
from robustdial.training.engine import TrainState, fit, train_batch
from robustdial.training.rate import constant

EPS, STEP, STEPS = 0.1, 0.03, 4


def network():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, 2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 4),
    )


def batches(number=3, images=10):
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.rand(images, 1, 8, 8, generator=generator), torch.randint(0, 4, (images,), generator=generator))
        for _ in range(number)
    ]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@dataclass(frozen=True)
class Twin:
    """A published loop, `loop(model, optimizer, batches)`, and what composition it is."""

    loop: Callable[..., None]
    solver: Any
    passes: int
    objective: Any = field(default_factory=AT)
    learner: Learner = field(default_factory=Plain)
    exact: bool = True


def inside(delta, x):
    return torch.clamp(torch.clamp(delta, -EPS, EPS), -x, 1 - x)


def uniform(x):
    return torch.clamp(torch.empty_like(x).uniform_(-1, 1) * EPS, -x, 1 - x)


def crossed(model, x, y):
    """What an adversary raises: the cross-entropy of a perturbation, summed over the images."""
    return lambda delta: F.cross_entropy(model(x + delta), y, reduction="sum")


def slope(loss, delta):
    """Gradient of `loss(delta)`."""
    delta = delta.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(delta), delta)
    return gradient


def ascent(loss, delta, x, step=STEP, steps=STEPS):
    for _ in range(steps):
        delta = inside(delta + step * slope(loss, delta).sign(), x)
    return delta


def update(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


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


class Quiet(Linf):
    """The ball; the start at the clean image draws no random numbers."""

    def noise(self, x, reach, amount):
        return super().noise(x, reach, amount) if amount else torch.zeros_like(x)


ATTACK = PGD(Step(STEP))
TWINS = {
    "pgd, eval": Twin(pgd("eval"), PGD(Step(STEP)), STEPS + 1),
    "pgd, train": Twin(pgd("train"), PGD(Step(STEP), mode="train"), STEPS + 1),
    "fgsm": Twin(fgsm, PGD(Step(EPS), noise=0.0, mode="train"), 2),
    "fgsm-rs": Twin(fgsm_rs, PGD(Step(1.25 * EPS), mode="train"), 2),
    "free": Twin(free(3), Carried(Step(EPS)), 3),
    "yopo-3-2": Twin(yopo(3, 2), YOPO(Step(STEP), inner=2), 3),
    "fat, patience 0": Twin(fat(0), Friendly(Step(STEP)), STEPS + 1, exact=False),
    "fat, patience 2": Twin(fat(2), Friendly(Step(STEP), patience=2), STEPS + 1, exact=False),
    "trades": Twin(trades, ATTACK, STEPS + 1, TRADES(6), exact=False),
    "mart": Twin(mart, ATTACK, STEPS + 1, MART(5), exact=False),
    "alp": Twin(alp, ATTACK, STEPS + 1, ALP(0.5), exact=False),
    # the composition forwards the clean images twice, and in another order: only running statistics see it
    "gradalign": Twin(gradalign, PGD(Step(EPS), 0.0, "train"), 2, GradAlign(AT(), 0.2), exact=False),
    "awp": Twin(awp, ATTACK, STEPS + 1, AT(), AWP(0.02), exact=False),
}


@pytest.mark.parametrize("name", TWINS)
def test_twins(name):
    twin = TWINS[name]
    kind = torch.float32 if twin.exact else torch.float64
    data = [(x.to(kind), y) for x, y in batches()]
    published, composed = network().to(kind).train(), network().to(kind).train()
    torch.manual_seed(11)
    twin.loop(published, sgd(published), data)
    method = Method(Quiet(EPS), twin.solver, Constant(twin.passes), twin.objective)
    optimizer, memories = sgd(composed), []
    torch.manual_seed(11)
    for x, y in data:
        train_batch(composed, Batch(x, y), method, twin.passes, optimizer, memories, learner=twin.learner)
    ours, theirs = (model.state_dict() for model in (composed, published))
    if name == "gradalign":
        ours, theirs = (dict(model.named_parameters()) for model in (composed, published))
    if twin.exact:
        assert same(ours, theirs)
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)
    assert not same(ours, network().to(kind).state_dict())


# --- whole runs whose replays grow --------------------------------------------------------------------------------


def deat_d(every, most):
    """DEAT-d: a replay more every few epochs."""
    return lambda epoch, r, accuracy, magnitude: min(1 + (epoch + 1) // every, most)


def deat_p(threshold, most):
    """DEAT-p: a replay more after an epoch with enough robust training accuracy."""
    return lambda epoch, r, accuracy, magnitude: min(r + 1, most) if accuracy > threshold else r


def m_deat(gamma, most):
    """M+DEAT: a replay more after the first epoch, and whenever the gradient outgrows its bar."""
    bar = None

    def rule(epoch, r, accuracy, magnitude):
        nonlocal bar
        if epoch == 0:
            return r + 1
        if epoch == 1 or (magnitude > bar and r < most):
            bar = gamma * magnitude
            return r + (epoch > 1)
        return r

    return rule


def deat(model, data, rule, epochs, batch):
    """Wang et al. 2021, algorithm 1: r replays of each batch from a fresh uniform start; the rule sets r."""
    optimizer, r, replays = sgd(model), 1, []
    for epoch in range(epochs):
        replays.append(r)
        right, magnitude, seen = 0, 0.0, 0
        for x, y in data.train.batches(epoch_order(len(data.train), batch, 0, epoch)):
            delta = uniform(x)
            for _ in range(r):
                delta.requires_grad_()
                optimizer.zero_grad()
                logits = model(x + delta)
                F.cross_entropy(logits, y).backward()
                gradient = delta.grad
                delta = inside(delta.detach() + STEP * gradient.sign(), x)
                optimizer.step()
            right += int((logits.argmax(1) == y).sum())
            magnitude += float(gradient.abs().sum()) * len(x)
            seen += len(x)
        r = rule(epoch, r, right / seen, magnitude / seen)
    return replays


@pytest.mark.parametrize(
    ("rule", "schedule"),
    [
        (deat_d(2, 3), Delayed(2, 3)),
        (deat_p(0.35, 4), Threshold(0.35, 4)),
        (m_deat(1.01, 4), Magnitude(1.01, 4)),
    ],
    ids=["deat-d", "deat-p", "m+deat"],
)
def test_replays_that_grow(rule, schedule):
    (x, y), (x_test, y_test) = batches(2, 60)
    data = from_tensors((x, y), (x_test, y_test))
    published, composed = network().train(), network()
    torch.manual_seed(11)
    replays = deat(published, data, rule, epochs=8, batch=16)
    torch.manual_seed(11)
    state = TrainState.new(composed, lr=0.1, rate=constant)
    method = Method(Linf(EPS), Replay(Step(STEP)), schedule, AT())
    passes = [epoch["passes"] for epoch in fit(state, data, method, epochs=8, batch=16)]
    assert passes == replays
    assert len(set(passes)) > 2
    assert same(composed.state_dict(), published.state_dict())


# --- the dial at its ends -----------------------------------------------------------------------------------------


def test_oat_with_every_image_at_lambda_one_learns_the_adversarial_loss_alone():
    """With one lambda, 1, the clean loss has no weight. From a fixed start, and attacked with the statistics of
    the batch (which the clean forward does not change), the weights move as in adversarial training."""
    dials = Dials((1.0,), dual=False)
    x, y = batches(1)[0]
    plain, dialed = network(), dial(network(), dials)
    for model, objective, exposed in ((plain, AT(), Fixed()), (dialed, Blend(), dials)):
        method = Method(Linf(EPS), PGD(Step(STEP), noise=0.0, mode="train"), Constant(STEPS + 1), objective, exposed)
        train_batch(model.train(), Batch(x, y), method, STEPS + 1, torch.optim.SGD(model.parameters(), lr=0.1), [])
    for name, weight in plain.named_parameters():
        owner, _, leaf = name.rpartition(".")
        twin = dialed.body.get_submodule(owner)
        twin = twin.robust[0] if hasattr(twin, "robust") else twin
        torch.testing.assert_close(twin.get_parameter(leaf), weight, atol=1e-5, rtol=1e-4)


def test_oat_with_every_image_at_lambda_zero_is_plain_training():
    """No adversary, the clean branch alone: the dialed network learns what a plain one learns, to rounding."""
    dials = Dials((0.0,))
    method = Method(Linf(EPS), PGD(Step(STEP)), Constant(STEPS + 1), Blend(), dials)
    dialed, model = dial(network(), dials), network()
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (dialed, model)]
    frozen = [weight for name, weight in dialed.named_parameters() if ".film." in name]
    for weight in frozen:
        weight.requires_grad_(False)
    for x, y in batches():
        train_batch(dialed.train(), Batch(x, y), method, STEPS + 1, optimizers[0], [])
        optimizers[1].zero_grad()
        F.cross_entropy(model.train()(x), y).backward()
        optimizers[1].step()
    x = batches(1)[0][0]
    torch.testing.assert_close(dialed.eval().at(0.0)(x), model.eval()(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("eps", "size"), [(8 / 255, 10 / 255 / 7), (0.3, (0.3 + 4 / 255) / 7)])
def test_oat_takes_the_authors_step(eps, size):
    """alpha = min(1.25 eps, eps + 4/255) / steps"""
    method = oat(eps=eps)
    assert method.solver.step(method.threat.radius, 7) == pytest.approx(size)
    assert method.schedule.passes(None) == 8


def test_pgd_at_takes_madrys_step():
    method = pgd_at()
    assert method.solver.step(method.threat.radius, 7) == pytest.approx(2 / 255)


@pytest.mark.parametrize("threat", [Linf(0.1), L2(1.0)])
def test_the_ascent_raises_the_loss_and_stays_inside(threat):
    model = network()
    x, y = batches(1)[0]
    seen = {}

    @dataclass(frozen=True)
    class Watched(AT):
        def learn(self, view):
            seen["z"], seen["loss"] = view.z, super().learn(view)
            return seen["loss"]

    model.eval()
    start = F.cross_entropy(model(x), y)
    train_batch(
        model,
        Batch(x, y),
        Method(threat, PGD(Step(spread=2)), Constant(9), Watched()),
        9,
        torch.optim.SGD(model.parameters(), lr=0.0),
        [],
    )
    assert seen["loss"].mean() > start + 0.01
    torch.testing.assert_close(threat.project(seen["z"], x, 1.0), seen["z"], atol=1e-6, rtol=0)
