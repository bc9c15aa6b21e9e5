"""The composition against numbers recorded from the official OAT code.

Training steps and attacks are repeated in double precision, where rounding decides the sign of no gradient.
"""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustdial.attack import PGDAttack
from robustdial.data import Batch
from robustdial.dial import Dials, PaperFiLM, Setting, dial
from robustdial.dial.norm import DialNorm
from robustdial.dial.setting import Dial
from robustdial.method import Method
from robustdial.method.objective import Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch

pytestmark = pytest.mark.rounding

# tolerances stated with the reference numbers: twice what four perturbed official runs differ among themselves
PIXELS, LOGITS, GRADIENTS, WEIGHTS = 1e-6, 1e-4, 2e-4, 1e-4


def close(a, b, tolerance):
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


# --- layers -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layers(golden):
    return golden("oat_layers")


def translated(name):
    """A parameter's name in the official code as ours."""
    for official, ours in ((".BN_c", ".clean.0"), (".BN_a", ".robust.0"), ("MLP.0", "fc1"), ("MLP.2", "fc2")):
        name = name.replace(official, ours)
    return name


def dual_norm(layers, film):
    norm = DialNorm(nn.BatchNorm2d(8), Dial(), film, [8], dual=True)
    state = {translated(f".{name}").lstrip("."): value for name, value in layers.under("dualbn/init/").items()}
    norm.load_state_dict(state, strict=False)
    return norm


class Unmodulated(nn.Module):
    def forward(self, codes, level):
        return codes.new_ones(len(codes), 8), codes.new_zeros(len(codes), 8)


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_dual_batch_norm(layers, mode, position):
    first, case = int(layers["idx"][position]), f"dualbn/{mode}_idx{int(layers['idx'][position])}"
    norm = dual_norm(layers, Unmodulated())
    norm.train(mode == "train")
    x = layers["x"].clone().requires_grad_()
    rows = (torch.arange(len(x)) >= first).long()
    norm.dial.turn(Setting(torch.zeros(2, 1), torch.tensor([0.0, 1.0]), rows, rows.float(), first))
    out = norm(x)
    (out * layers["upstream"]).sum().backward()
    close(out, layers[f"{case}/out"], LOGITS)
    close(x.grad, layers[f"{case}/grad_x"], GRADIENTS)
    for official, expected in layers.under(f"{case}/grad/").items():
        parameter = norm.get_parameter(translated(f".{official}").lstrip("."))
        close(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad, expected, GRADIENTS)
    for official, expected in layers.under(f"{case}/after/").items() if mode == "train" else ():
        close(norm.get_buffer(translated(f".{official}").lstrip(".")), expected, WEIGHTS)


@pytest.mark.parametrize("width", [1, 16])
def test_film_behind_dual_batch_norm(layers, width):
    case = f"film_in{width}"
    film = PaperFiLM().build(width, [8])
    film.load_state_dict({translated(name): value for name, value in layers.under(f"{case}/init/").items()})
    codes = layers[f"{case}/lambda"].reshape(7, width)
    mu, sigma = film(codes, 0)
    close(mu, layers[f"{case}/mu"], LOGITS)
    close(sigma, layers[f"{case}/sigma"], LOGITS)

    norm, first = dual_norm(layers, film), int(layers["idx"][1])
    norm.dial.turn(Setting(codes, torch.ones(7), torch.arange(7), torch.ones(7), first))
    x = layers["x"].clone().requires_grad_()
    out = norm(x).relu()
    (out * layers["upstream"]).sum().backward()
    case = f"bn_film_relu_in{width}"
    close(out, layers[f"{case}/out"], LOGITS)
    close(x.grad, layers[f"{case}/grad_x"], GRADIENTS)
    for official, expected in layers.under(f"{case}/grad_film/").items():
        close(film.get_parameter(translated(official)).grad, expected, GRADIENTS)
    for official, expected in layers.under(f"{case}/grad_bn/").items():
        close(norm.get_parameter(translated(f".{official}").lstrip(".")).grad, expected, GRADIENTS)


# --- the whole training step ------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.plain = stride == 1 and before == after
        if not self.plain:
            self.conv_sc = nn.Conv2d(before, after, 1, stride, bias=False)
            self.bn_sc = nn.BatchNorm2d(after)

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (out + (x if self.plain else self.bn_sc(self.conv_sc(x)))).relu()


class TinyResNet(nn.Module):
    def __init__(self, stem, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        widths = [stem, *(channels for channels, _ in blocks)]
        self.blocks = nn.Sequential(*(Block(b, a, s) for b, (a, s) in zip(widths, blocks, strict=False)))
        self.linear = nn.Linear(widths[-1], 10)

    def forward(self, x):
        x = self.blocks(self.bn1(self.conv1(x)).relu())
        return self.linear(F.avg_pool2d(x, 4).flatten(1))


@dataclass(frozen=True)
class Recorded:
    """A threat whose random start is the recorded one."""

    ball: Linf
    uniform: torch.Tensor  # in [0, 1]

    radius = property(lambda self: self.ball.radius)

    def noise(self, x, reach, amount):
        return self.project((2 * self.uniform - 1) * self.ball.eps, x, reach)

    def ascend(self, z, gradient, size):
        return self.ball.ascend(z, gradient, size)

    def project(self, z, x, reach):
        return self.ball.project(z, x, reach)

    def apply(self, x, z):
        return self.ball.apply(x, z)


@dataclass(frozen=True)
class Rows:
    """A sampling that repeats the recorded lambdas."""

    recorded: torch.Tensor

    def rows(self, batch, lambdas):
        assert len(self.recorded) == batch
        return self.recorded


@dataclass(frozen=True)
class Table:
    """The recorded codes."""

    matrix: torch.Tensor

    def table(self, lambdas):
        return self.matrix[: len(lambdas)]

    def code(self, lam, lambdas, table):
        return table[[round(value, 6) for value in lambdas].index(round(lam, 6))]


class Spy(Blend):
    """Blend that keeps what it saw."""

    seen: dict

    def rest(self, view):
        self.seen.update(clean=view.clean.detach(), adv=view.adv.detach(), x_adv=view.game.attacked_images + view.z)
        return super().rest(view)


CASES = {
    "A": {"stem": 8, "blocks": [(8, 1), (16, 2)], "steps": 7, "batches": 3},
    "B": {"stem": 6, "blocks": [(8, 2)], "steps": 3, "batches": 2},
}


def official_name(name):
    """Our parameter name in the official layout: FiLM stands beside the norm there, inside it here."""
    name = name.removeprefix("body.").replace(".clean.0", ".BN_c").replace(".robust.0", ".BN_a")
    for norm, film in (("bn1", "film1"), ("bn2", "film2")):
        name = name.replace(f"{norm}.film.", f"{film}.MLP.")
    return name.replace("MLP.fc1", "MLP.0").replace("MLP.fc2", "MLP.2")


def state_of(model, arrays, prefix):
    return {
        name: arrays[prefix + official_name(name)] for name in model.state_dict() if name not in ("codes", "described")
    }


@pytest.fixture(scope="module", params=CASES)
def run(request, golden):
    """Train on the recorded batches; keep what was seen, and the arrays to compare with."""
    case, arrays = CASES[request.param], golden("oat_step").under(f"{request.param}/").double()
    choices = tuple(round(float(value), 6) for value in arrays["choices"])
    matrix = arrays["encoding"] if arrays["encoding"].numel() else torch.tensor(choices, dtype=torch.float64)[:, None]
    dials = Dials(choices, encoding=Table(matrix), conditioner=PaperFiLM())
    model = dial(
        TinyResNet(case["stem"], case["blocks"]), dials, film=lambda name, module: "bn_sc" not in name
    ).double()
    model.load_state_dict(state_of(model, arrays, "init/") | {"codes": model.codes})
    method = Method(Linf(8 / 255), PGD(Step(spread=1.25)), Constant(case["steps"] + 1), Spy(), dials)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    history = []
    for i in range(case["batches"]):
        lam = arrays[f"batch{i}/lambda"]
        rows = (lam[:, None] - torch.tensor(choices, dtype=torch.float64)).abs().argmin(1)
        spy = Spy()
        object.__setattr__(spy, "seen", {})
        now = replace(
            method,
            threat=Recorded(method.threat, arrays[f"batch{i}/u01"]),
            objective=spy,
            dial=replace(dials, sampling=Rows(rows)),
        )
        sums = train_batch(model.train(), Batch(arrays["x"][i], arrays["y"][i]), now, case["steps"] + 1, optimizer, [])
        state = {name: value.clone() for name, value in model.state_dict().items()}
        history.append(spy.seen | {"loss": sums["loss"] / sums["rows"], "state": state})
    return model, method, history, arrays, choices


def test_training_steps(run):
    model, _, history, arrays, _ = run
    for i, seen in enumerate(history):
        close(seen["x_adv"], arrays[f"batch{i}/x_adv"], PIXELS)
        close(seen["clean"], arrays[f"batch{i}/logits"], LOGITS)
        close(seen["adv"], arrays[f"batch{i}/logits_adv"], LOGITS)
        close(seen["loss"], arrays[f"batch{i}/loss"], LOGITS)
        expected = state_of(model, arrays, f"after{i}/")
        for name, value in expected.items():
            close(seen["state"][name], value, WEIGHTS)


def test_served_at_every_lambda(run):
    model, method, _, arrays, choices = run
    model.eval()
    steps = method.schedule.number - 1
    for j, lam in enumerate(choices):
        f = model.at(lam)
        close(f(arrays["x_val"]), arrays[f"eval/lambda{j}/logits"], LOGITS)
        threat = Recorded(method.threat, arrays[f"eval/lambda{j}/u01"])
        x_adv = PGDAttack(steps, 1.25 / steps)(f, arrays["x_val"], arrays["y_val"], threat)
        close(x_adv, arrays[f"eval/lambda{j}/x_adv"], PIXELS)
        close(f(x_adv), arrays[f"eval/lambda{j}/logits_adv"], LOGITS)
        close(model.bake(lam)(x_adv), arrays[f"eval/lambda{j}/logits_adv"], LOGITS)
