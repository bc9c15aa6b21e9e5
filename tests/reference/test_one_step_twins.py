"""One-step methods of the time after FGSM-RS, written line by line from paper and public code, against the composition.

What the recipes leave out (weights that grow, smoothed labels) is left out here too, and named in their docstrings.
"""

import pytest
import torch
from torch.nn import functional as F
from twin import EPS, Quiet, Twin, batches, compare, crossed, inside, network, sgd, slope, uniform, update

from robustdial.data import Batch, Origin, none
from robustdial.method import Method
from robustdial.method.objective import AT, Abnormal, Consistent, LocalLinearity, Matched, Nuclear, Steady
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Corner, Indicative, Noisy, Prior, Started, Step, ZeroGrad
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding

EXACT = 1 / 8
GUIDED = (torch.arange(10) % 2 == 1).double()  # which images' adversaries are guided: every second one


def seen(delta, x):
    return torch.clamp(delta, -x, 1 - x)


def n_fgsm(model, optimizer, batches):
    """de Jorge et al. 2022, as its public code has it: noise of 2 eps, one step of eps, no clipping to the ball."""
    for x, y in batches:
        eta = seen(torch.empty_like(x).uniform_(-1, 1) * (2 * EPS), x)
        delta = seen(eta + EPS * slope(crossed(model, x, y), eta).sign(), x)
        update(optimizer, F.cross_entropy(model(x + delta), y))


def zerograd(model, optimizer, batches, q=0.35):
    """Golgooni et al. 2021, in FastAT Benchmark: gradients below their quantile are 0; a step of 2 eps, clipped."""
    for x, y in batches:
        delta = uniform(x)
        gradient = slope(crossed(model, x, y), delta)
        bar = torch.quantile(gradient.abs().flatten(1), q, dim=1)[:, None, None, None]
        gradient[gradient.abs() < bar] = 0
        delta = inside(delta + 2 * EPS * gradient.sign(), x)
        update(optimizer, F.cross_entropy(model(x + delta), y))


def bernoulli(x):
    return torch.clamp(EPS / 2 * torch.randn_like(x).sign(), -x, 1 - x)


def guided_at(model, optimizer, batches, weight=10.0):
    """Sriramanan et al. 2020, public code: the squared distance of the probabilities, for both sides."""
    for x, y in batches:
        p = model(x).softmax(1).detach()
        delta = bernoulli(x)
        model.eval()

        def loss(delta, x=x, y=y, p=p):
            logits = model(x + delta)
            apart = ((p - logits.softmax(1)) ** 2).sum(1)
            return F.cross_entropy(logits, y, reduction="sum") + weight * (GUIDED * apart).sum()

        delta = inside(delta + EPS * slope(loss, delta).sign(), x)
        model.train()
        q, clean = model(x + delta).softmax(1), model(x)
        update(optimizer, F.cross_entropy(clean, y) + weight * ((clean.softmax(1) - q) ** 2).sum(1).mean())


def nuat(model, optimizer, batches, weight=4.5):
    """Sriramanan et al. 2021, public code: the nuclear norm of the batch's differences, for both sides."""
    for x, y in batches:
        out = model(x).detach()
        delta = bernoulli(x)
        model.eval()

        def norm(delta, x=x, out=out):
            return torch.norm(out - model(x + delta), "nuc")

        wrong = slope(crossed(model, x, y), delta)
        gradient = wrong + weight * GUIDED[:, None, None, None] * slope(norm, delta)
        delta = inside(delta + EPS * gradient.sign(), x)
        model.train()
        adv, clean = model(x + delta), model(x)
        update(optimizer, F.cross_entropy(clean, y) + weight * torch.norm(clean - adv, "nuc") / len(x))


def elle(model, optimizer, batches, weight=100.0):
    """Abad Rocamora et al. 2024, public code, on FGSM; the three points are forwarded one by one."""
    for x, y in batches:
        delta = inside(EPS * slope(crossed(model, x, y), torch.zeros_like(x)).sign(), x)
        adversarial = F.cross_entropy(model(x + delta), y)
        a, b, t = uniform(x), uniform(x), torch.rand(len(x), dtype=x.dtype)
        share = t[:, None, None, None]
        at = [F.cross_entropy(model(x + z), y, reduction="none") for z in (a, b, (1 - share) * a + share * b)]
        update(optimizer, adversarial + weight * F.mse_loss(at[2], (1 - t) * at[0] + t * at[1]))


def aaer(start, step, clip, weight=1.5):
    """Lin et al. 2023, public code: examples whose loss the step lowers move further than others, and may not."""

    def loop(model, optimizer, batches):
        for x, y in batches:
            delta = start(x)
            before = F.cross_entropy(model(x + delta), y, reduction="none")
            moved = clip(delta + step * slope(crossed(model, x, y), delta).sign(), x)
            output = model(x + moved)
            after = F.cross_entropy(output, y, reduction="none")
            with torch.no_grad():
                origin = model(x + delta)
            abnormal = before > after
            loss = after.mean()
            if 0 < abnormal.sum() < len(x):
                apart = (origin - output).square().sum(1)
                further = apart[abnormal].mean() - apart[~abnormal].mean().item()
                loss = loss + weight * abnormal.sum() / len(x) * torch.clamp(further, min=0)
            update(optimizer, loss)

    return loop


def fgsm_pgi(model, optimizer, data, epochs, reset, decay=0.3, weight=10.0):
    """Jia et al. 2022, public code (FGSM-MEP): every image carries a start and a momentum.

    Rounded as in the composition: the momentum to bfloat16; the starts are binary fractions, which need no rounding.
    """
    for epoch in range(epochs):
        if epoch % reset == 0:
            starts = [torch.zeros_like(x) for x, _ in data]
            momenta = [torch.zeros_like(x) for x, _ in data]
        for i, (x, y) in enumerate(data):
            corner = EXACT * torch.randn_like(x).sign()
            start = starts[i] if epoch % reset else corner
            gradient = slope(crossed(model, x, y), start)
            momentum = gradient / gradient.abs().mean() + decay * momenta[i]
            delta = torch.clamp(start + EXACT * gradient.sign(), -EXACT, EXACT)
            output, origin = model(x + delta), model(x + start)
            update(optimizer, F.cross_entropy(output, y) + weight * F.mse_loss(output, origin))
            starts[i] = torch.clamp(start + EXACT * momentum.sign(), -EXACT, EXACT)
            momenta[i] = momentum.to(torch.bfloat16).to(x.dtype)
    return starts


def test_a_prior_is_carried_from_epoch_to_epoch():
    """In double precision, images with room for the whole set, so that no start is cut by [0, 1]."""
    data = [(0.25 + 0.5 * x.double(), y) for x, y in batches()]
    published, composed = network().double().train(), network().double().train()
    torch.manual_seed(11)
    starts = fgsm_pgi(published, sgd(published), data, epochs=5, reset=3)
    torch.manual_seed(11)
    method = Method(Quiet(EXACT), Prior(Step(EXACT), reset=3), Constant(2), Steady(AT(), 10.0))
    optimizer, memories, images = sgd(composed), [], sum(len(x) for x, _ in data)
    for _ in range(5):
        for i, (x, y) in enumerate(data):
            origin = Origin(torch.arange(len(x)) + i * len(x), images, none.draw(x))
            train_batch(composed, Batch(x, y, origin), method, 2, optimizer, memories)
    assert torch.equal(memories[0]["start"].double(), torch.cat(starts))
    assert memories[0]["start"].abs().max() == EXACT
    torch.testing.assert_close(composed.state_dict(), published.state_dict(), atol=1e-9, rtol=0)


def liet(every, least=0.1, most=0.5, weight=20.0):
    """Pan et al. 2025, public code: what tells the label on grey images, masked, with a random sign."""

    def loop(model, optimizer, batches):
        for i, (x, y) in enumerate(batches):
            noise = uniform(x)
            if i % every == 0:
                model.eval()
                grey, labels = torch.full_like(x[:4], 0.5), torch.arange(4)
                told = EPS * slope(crossed(model, grey, labels), torch.zeros_like(grey)).sign()
                model.train()
            share = least + (most - least) * torch.rand(()).item()
            delta = torch.where(torch.rand_like(x) < share, noise, told[y])
            start = seen(delta if torch.rand(()) < 0.5 else -delta, x)
            moved = inside(start + EPS * slope(crossed(model, x, y), start).sign(), x)
            output, origin = model(x + moved), model(x + start)
            p, q = output.softmax(1), origin.softmax(1)
            m = ((p + q) / 2).log()
            apart = (F.kl_div(m, p, reduction="batchmean") + F.kl_div(m, q, reduction="batchmean")) / 2
            update(optimizer, F.cross_entropy(output, y) + weight * apart)

    return loop


def twice(x):
    return seen(torch.empty_like(x).uniform_(-1, 1) * (2 * EPS), x)


TWINS = {
    "n-fgsm": Twin(n_fgsm, Noisy(Step(spread=1.0)), 2),
    "zerograd": Twin(zerograd, ZeroGrad(Step(spread=2.0)), 2),
    "guided-at": Twin(guided_at, Started(Step(spread=1.0), Corner(0.5)), 2, Matched(10.0), exact=False),
    "nuat": Twin(nuat, Started(Step(spread=1.0), Corner(0.5)), 2, Nuclear(4.5), exact=False),
    "elle": Twin(elle, PGD(Step(EPS), 0.0, "train"), 2, LocalLinearity(AT(), 100.0), exact=False),
    "liet": Twin(
        liet(2), Started(Step(spread=1.0), Indicative(every=2), "train"), 2, Consistent(AT(), 20.0), exact=False
    ),
    "rs-aaer": Twin(
        aaer(uniform, 1.25 * EPS, inside), PGD(Step(1.25 * EPS), mode="train"), 2, Abnormal(AT(), 1.5), exact=False
    ),
    "n-aaer": Twin(aaer(twice, EPS, seen), Noisy(Step(spread=1.0)), 2, Abnormal(AT(), 1.5), exact=False),
}


def parameters(model):
    return dict(model.named_parameters())


@pytest.mark.parametrize("name", TWINS)
def test_twins(name):
    """AAER forwards its start once, the loop three times: only running statistics see it."""
    compare(TWINS[name], *([parameters] if "aaer" in name else []))
