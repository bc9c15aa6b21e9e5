"""Losses and inner loops against numbers recorded from their authors' code.

Whatever follows the sign of a gradient is done in double precision, where rounding decides none.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.method import Method
from robustdial.method.learner import AWP
from robustdial.method.objective import AT, MART, TRADES, GradAlign
from robustdial.method.objective.gradalign import misalignment
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, YOPO, Friendly, Step
from robustdial.method.threat import L2, Linf
from robustdial.training.batch import train_batch
from robustdial.typing import px

pytestmark = pytest.mark.rounding

# stated with the reference numbers: twice what five perturbed official runs differ among themselves
PIXELS, L2_PIXELS, LOGITS, GRADIENTS, WEIGHTS, DIRECTIONS = 1e-6, 1e-4, 1e-4, 2e-4, 1e-4, 1e-3


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("losses").double()


@dataclass
class Seen:
    """What one recorded batch showed: the views learned from, their mean losses, and the threat's counts."""

    model: nn.Module
    optimizer: Any
    views: list[Any] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)

    @property
    def x_adv(self):
        return self.views[-1].game.attacked_images + self.views[-1].z.detach()


@pytest.fixture
def learn(driven, recorded, watched):
    """Learn one recorded batch and tell what was seen."""

    def once(model, x, y, start, ball, solver, objective, passes, optimizer=None, **engine):
        optimizer = optimizer or driven(model, [0.0], [0.9])
        threat, objective = recorded(ball, start), watched(objective)
        method = Method(threat, solver, Constant(passes), objective)
        train_batch(model, Batch(x, y), method, passes, optimizer, [], **engine)
        return Seen(model, optimizer, objective.views, [loss.mean() for loss in objective.losses], threat.moved)

    return once


# --- TRADES and MART ----------------------------------------------------------------------------------------------


LINF, STEP = Linf(0.031), Step(0.007)


@pytest.fixture
def pair(arrays, tiny, learn):
    """Attack for some steps and learn, as TRADES or MART."""

    def run(case, objective, steps=10, ball=LINF, step=STEP):
        model = tiny(arrays.under("trades_mart/net/"), normalised=False)
        start = 0.001 * arrays[f"trades_mart/{case}/noise"]
        x, y = arrays["trades_mart/x"], arrays["trades_mart/y"]
        return learn(model, x, y, start, ball, PGD(step), objective, steps + 1)

    return run


@pytest.mark.parametrize(
    ("case", "objective", "ball", "step", "tolerance"),
    [
        ("trades_linf", TRADES(6), LINF, STEP, PIXELS),
        ("trades_l2", TRADES(6), L2(0.5), Step(spread=2.0), L2_PIXELS),
        ("mart", MART(5), LINF, STEP, PIXELS),
    ],
)
def test_attack_losses_and_gradients(arrays, pair, case, objective, ball, step, tolerance):
    seen, recorded = pair(case, objective, ball=ball, step=step), arrays.under(f"trades_mart/{case}/")
    close(seen.x_adv, recorded["x_adv"], tolerance)
    close(seen.views[-1].clean.detach(), recorded["logits"], LOGITS)
    close(seen.views[-1].adv.detach(), recorded["logits_adv"], LOGITS)
    close(seen.losses[-1], recorded["loss"], LOGITS)
    for name, expected in recorded.under("grad/").items():
        close(seen.optimizer.gradients[0][f"1.{name}"], expected, GRADIENTS)


def test_statistics_after_mart(arrays, pair):
    """Two forwards in training mode, the clean one first."""
    state = pair("mart", MART(5)).model[1].state_dict()
    for name, expected in arrays.under("trades_mart/mart/buffers_after/").items():
        close(state[name], expected, WEIGHTS)


def test_statistics_after_trades(arrays, pair):
    """One clean forward less than theirs in training mode: with it, the same."""
    seen = pair("trades_linf", TRADES(6))
    seen.model(arrays["trades_mart/x"])
    for name, expected in arrays.under("trades_mart/trades_linf/buffers_after/").items():
        close(seen.model[1].state_dict()[name], expected, WEIGHTS)


def test_the_first_step_on_the_divergence(arrays, pair):
    close(pair("trades_linf", TRADES(6), steps=1).x_adv, arrays["trades_mart/trades_linf/x_adv_step1"], PIXELS)


# --- the formulas on given logits, some of them saturated ---------------------------------------------------------


@pytest.fixture(scope="module")
def terms(golden):
    """In single precision, in which saturation is the danger."""
    return golden("losses").under("terms/")


@dataclass
class Given:
    """A view whose logits are given."""

    clean: torch.Tensor
    adv: torch.Tensor
    y: torch.Tensor
    lam: float = 1.0

    @property
    def attacked_labels(self):
        return self.y


@pytest.mark.parametrize(
    ("term", "objective"),
    [
        ("trades_total_beta6", TRADES(6)),
        ("trades_natural", TRADES(0)),
        ("mart_total_beta6", MART(6)),
        ("mart_bce", MART(0)),
    ],
)
def test_terms(terms, term, objective):
    clean, adv = (terms[name].clone().requires_grad_() for name in ("logits", "logits_adv"))
    loss = objective.learn(Given(clean, adv, terms["y"])).mean()
    gradients = torch.autograd.grad(loss, (clean, adv))
    close(loss.detach(), terms[term], LOGITS)
    close(gradients[0], terms[f"{term}_grad_logits"], GRADIENTS)
    close(gradients[1], terms[f"{term}_grad_logits_adv"], GRADIENTS)


def test_cross_entropy_per_row(terms):
    view = Given(terms["logits"], terms["logits_adv"], terms["y"])
    close(AT().attack(view), terms["ce_per_sample"], LOGITS)


# --- friendly adversarial training --------------------------------------------------------------------------------


class OnDivergence(AT):
    """The adversary of TRADES, the weights of adversarial training."""

    def attack(self, view):
        return TRADES().attack(view)


@pytest.mark.parametrize(
    ("case", "patience", "jitter", "scale", "objective"),
    [
        ("tau0", 0, 0.001, 1.0, AT()),
        ("tau1", 1, 0.001, 1.0, AT()),
        ("tau2", 2, 0.0, 1.0, AT()),
        ("tau3_kl", 3, 0.0, 0.001, OnDivergence()),
    ],
)
def test_friendly(arrays, tiny, learn, monkeypatch, case, patience, jitter, scale, objective):
    net, x, y = arrays.under("fat/net/"), arrays["fat/x"], arrays["fat/y"]
    recorded = arrays.under(f"fat/{case}/")
    start = torch.clamp(x + scale * recorded["init_noise"], 0, 1) - x
    step = iter(range(10))

    monkeypatch.setattr(torch, "randn_like", lambda z: recorded["randn"][next(step)])  # for all, whoever moves
    solver = Friendly(Step(0.007), patience, jitter=jitter / 0.031)
    seen = learn(tiny(net, normalised=False), x, y, start, Linf(0.031), solver, objective, 11)
    close(seen.x_adv[recorded["output_index"]], recorded["output_adv"], PIXELS)
    close(seen.losses[-1], recorded["train_loss"], LOGITS)
    assert [moving for moving in seen.moved if moving] == [n for n in recorded["active"].sum(1).tolist() if n]
    assert sum(seen.moved) == int(recorded["count"])


# --- YOPO ---------------------------------------------------------------------------------------------------------


class PreActBlock(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(before), nn.BatchNorm2d(after)
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False)) if before != after else None

    def forward(self, x):
        out = self.bn1(x).relu()
        kept = self.shortcut(out) if self.shortcut else x
        return self.conv2(self.bn2(self.conv1(out)).relu()) + kept


class Head(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


class PreAct(nn.Module):
    def __init__(self, c0, c1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, c0, 3, 1, 1, bias=False)
        self.other_layers = nn.Sequential(PreActBlock(c0, c0, 1), PreActBlock(c0, c1, 2), Head(c1))

    def forward(self, x):
        return self.other_layers(self.conv1(x))


OUTER, INNER, EPS, SIGMA = 5, 3, px(8), px(2)


@pytest.fixture
def preact(arrays):
    model = PreAct(6, 10)
    model.load_state_dict(arrays.under("yopo/init/"))
    return model.double().train()


def test_yopo(arrays, preact, learn, driven):
    """An update of theirs sums the gradients of its passes, ours is their mean; for the first layer, see the twin."""
    recorded, optimizer = arrays.under("yopo/b0/"), driven(preact, [0.04], [0.9])
    x, y, threat, kernel = arrays["yopo/x0"], arrays["yopo/y0"], Linf(EPS), preact.conv1.weight.detach().clone()
    seen = learn(preact, x, y, recorded["eta0"], Linf(EPS), YOPO(Step(SIGMA), INNER), AT(), OUTER, optimizer)
    close(torch.stack(seen.losses), recorded["loss"], LOGITS)
    for view, logits, eta in zip(seen.views, recorded["logits"], recorded["eta"], strict=True):
        close(view.adv.detach(), logits, LOGITS)
        z = view.z.detach()
        for _ in range(INNER):
            z = threat.project(threat.ascend(z, view.z.grad, SIGMA), x, 1.0)
        close(z, eta, PIXELS)
    through_the_first_layer = F.conv_transpose2d(-recorded["p"][0], kernel, padding=1)
    close(OUTER * seen.views[0].z.grad, through_the_first_layer, GRADIENTS)
    for name, expected in recorded.under("grad/").items():
        if name != "conv1.weight":
            close(OUTER * optimizer.gradients[0][name], expected, GRADIENTS)


def yopo_as_published(model, optimizer, x, y, eta):
    """The authors' loop: sums of gradients, the first layer counted twice, statistics moved once more."""
    seen = {"loss": [], "logits": [], "eta": []}
    optimizer.zero_grad()
    for turn in range(OUTER):
        hidden = model.conv1(x + eta)
        hidden.retain_grad()
        logits = model.other_layers(hidden)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        p = -hidden.grad
        for _ in range(INNER):
            eta = eta.detach().requires_grad_()
            hamiltonian = (p * model.conv1(torch.clamp(x + eta, 0, 1))).sum()
            (slope,) = torch.autograd.grad(hamiltonian, eta)
            eta = torch.clamp(eta.detach() - SIGMA * slope.sign(), -EPS, EPS)
            eta = torch.clamp(x + eta, 0, 1) - x
        (-(p * model.conv1(torch.clamp(x + eta, 0, 1))).sum()).backward()
        for name, value in (("loss", loss), ("logits", logits), ("eta", eta)):
            seen[name].append(value.detach())
        if turn == OUTER - 1:
            with torch.no_grad():
                model(x + eta)
    optimizer.step()
    return {name: torch.stack(values) for name, values in seen.items()}


def test_yopo_as_published(arrays, preact, driven):
    """With what we depart from put back, the whole file comes out: nothing else is different."""
    optimizer = driven(preact, [0.04] * 2, [0.9] * 2)
    for b in range(2):
        recorded = arrays.under(f"yopo/b{b}/")
        seen = yopo_as_published(preact, optimizer, arrays[f"yopo/x{b}"], arrays[f"yopo/y{b}"], recorded["eta0"])
        for name, tolerance in (("loss", LOGITS), ("logits", LOGITS), ("eta", PIXELS)):
            close(seen[name], recorded[name], tolerance)
        for name, expected in recorded.under("after/").items():
            close(preact.state_dict()[name], expected, WEIGHTS)
    for name, expected in arrays.under("yopo/b0/grad/").items():
        close(optimizer.gradients[0][name], expected, GRADIENTS)


class AdversarialFirst:
    """An objective whose adversarial images are forwarded before all others, as in the code of GradAlign and AWP.

    Running statistics see the order of the forwards, and nothing else does.
    """

    def __init__(self, objective):
        self.objective, self.look, self.attack = objective, objective.look, objective.attack

    def learn(self, view):
        _ = view.adv
        return self.objective.learn(view)


# --- gradient alignment -------------------------------------------------------------------------------------------


class CleanOnce:
    """A network whose running statistics see the clean images once a batch, however often they are forwarded.

    The authors use one gradient there for the step of the adversary and for the regulariser; ours takes it for each.
    """

    def __init__(self, model, clean):
        self.model, self.clean, self.times = model, clean, 0

    def __call__(self, x):
        clean = torch.equal(x, self.clean)
        self.times += clean
        if not clean or self.times == 1:
            return self.model(x)
        return functional_call(self.model, {name: value.clone() for name, value in self.model.named_buffers()}, x)


def test_gradalign(arrays, tiny, learn, driven):
    recorded = arrays.under("gradalign/")
    model = tiny(recorded.under("init/"), normalised=False)
    objective = AdversarialFirst(GradAlign(AT(), 0.2))

    def step(batch, eta, optimizer=None):
        x, y, solver = recorded[f"x{batch}"], recorded[f"y{batch}"], PGD(Step(spread=1.25), noise=0.0, mode="train")
        return learn(model, x, y, eta, Linf(EPS), solver, objective, 2, optimizer, forward=CleanOnce(model, x))

    step(0, recorded["eta_epoch0"])  # their epoch 0 measures, and thereby moves the statistics
    optimizer = driven(model, recorded["lr"], [0.9] * 6)
    for s in range(6):
        theirs = recorded.under(f"step{s}/")
        seen = step(s % 2, theirs["eta"], optimizer)
        close(seen.views[-1].z.detach(), theirs["delta"], PIXELS)
        close(seen.views[-1].adv.detach(), theirs["logits"], LOGITS)
        close(seen.losses[-1], recorded["loss"][s], LOGITS)
        close(seen.losses[-1] - AT().learn(seen.views[-1]).detach().mean(), recorded["reg"][s], LOGITS)
    for name, expected in recorded.under("step0/grad/").items():
        close(optimizer.gradients[0][f"1.{name}"], expected, GRADIENTS)
    close(misalignment(recorded["step0/grad_x"], recorded["step0/grad_x_eta"]), 1 - recorded["step0/cos"].mean(), 1e-5)
    for name, expected in recorded.under("final/").items():
        close(model[1].state_dict()[name], expected, WEIGHTS)


# --- adversarial weight perturbation ------------------------------------------------------------------------------


class Weighed:
    """An objective that notes the weights that are learned from; AWP looks for its direction first."""

    def __init__(self, objective, model):
        self.objective, self.model, self.weights = objective, model, []
        self.look, self.attack = objective.look, objective.attack

    def learn(self, view):
        self.weights.append({name: weight.detach().clone() for name, weight in self.model.named_parameters()})
        return self.objective.learn(view)


@pytest.mark.parametrize(
    ("case", "objective", "statistics"),
    [("at", AT(), True), ("trades", TRADES(6), False), ("trades", AdversarialFirst(TRADES(6)), True)],
)
def test_awp(arrays, tiny, learn, driven, case, objective, statistics):
    recorded, x, y = arrays.under(f"awp/{case}/"), arrays["awp/x"], arrays["awp/y"]
    net, gamma = arrays.under("awp/net/"), float(recorded["gamma"])
    model = tiny(net, normalised=False)
    optimizer, weighed, start = (
        driven(model, [0.1] * 3, [0.9] * 3),
        Weighed(objective, model[1]),
        arrays["awp/x_adv"] - x,
    )
    for i in range(3):
        seen = learn(model, x, y, start, Linf(EPS), PGD(Step(EPS)), weighed, 1, optimizer, learner=AWP(gamma))
        close(seen.losses[-1], recorded["loss"][i], LOGITS)
        for name, expected in (recorded.under(f"after{i}/") if i != 1 else {}).items():  # not recorded
            if statistics or not name.rpartition(".")[2].startswith("running"):
                close(model[1].state_dict()[name], expected, WEIGHTS)
    as_they_are, perturbed = weighed.weights[:2]
    for name, expected in recorded.under("perturbed0/").items():
        assert torch.equal(as_they_are[name], net[name])
        close(perturbed[name], expected, WEIGHTS)
    for name, expected in recorded.under("diff0/").items():
        close((perturbed[name] - net[name]) / gamma, expected, DIRECTIONS)
