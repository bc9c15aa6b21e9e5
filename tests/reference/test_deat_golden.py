"""Whole training runs against numbers recorded from the official DEAT and fast training code.

The sign of a gradient turns a rounding error into a step, and one pixel that goes the other way changes the rest of a
run; adversaries that start 0.001 from the image have many gradients near zero. So the runs are repeated in double
precision, where all of the recorded signs come out on any processor. A run in single precision is then led along the
same way: adversarial images and weights stand where they stand in double precision, and what the network answers there,
which no rounding can turn, is compared with the record too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from robustdial.data import Batch
from robustdial.method import Method
from robustdial.method.objective import AT, MART, TRADES
from robustdial.method.objective.base import divergence
from robustdial.method.schedule import Constant, Delayed, Linear, Magnitude, Threshold
from robustdial.method.solver import PGD, Carried, Replay, Step
from robustdial.method.threat import Linf
from robustdial.recipes import amata, deat_d, deat_p, fgsm_rs, free, m_deat, m_mart, m_pgd, m_trades, pgd_at
from robustdial.training.batch import train_batch
from robustdial.training.rate import Multistep, triangle
from robustdial.typing import px

pytestmark = pytest.mark.rounding

# stated with the reference numbers: twice what five perturbed official runs differ among themselves
PIXELS, NORMALISED, LOGITS, GRADIENTS, MAGNITUDE, WEIGHTS, MOMENTUM = 1e-6, 5e-6, 1e-4, 2e-4, 1e-4, 1e-4, 1e-3

EPS = px(8)
STD = torch.tensor([0.2471, 0.2435, 0.2616]).view(3, 1, 1)


def close(a, b, tolerance):
    torch.testing.assert_close(a.double(), b.double(), atol=tolerance, rtol=0)


class Retargeted(TRADES):
    """The M+TRADES code asks the network for its answer on the clean images again at every step of the adversary."""

    def attack(self, view):
        adv = view.adv
        with torch.no_grad():
            target = view.game.forward_attacked(view.game.attacked_images)
        return divergence(target, adv)


@dataclass(frozen=True)
class Case:
    """What composition a recorded run is; `extra` is passes minus what their log calls r."""

    solver: Any
    schedule: Any
    objective: Any = field(default_factory=AT)
    extra: int = 0
    start: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = lambda noise, x: noise
    statistics: bool = True
    file: str = "deat_steps"


def clipped(noise, x):
    return torch.clamp(noise, -x, 1 - x)


def pixels(noise, x):
    return noise * STD


def pixels_clipped(noise, x):
    return clipped(noise * STD, x)


def milli(noise, x):
    return 0.001 * noise


def milli_clipped(noise, x):
    return clipped(0.001 * noise, x)


# Starts are handed out as recorded, clipped to the image or not; recipes clip them.
# M+TRADES and M+MART: their code computes the adapted step eps / r and attacks with the constant one.
# M+TRADES moves running statistics at every step of the adversary a second time (`Retargeted`); TRADES asks for its
# target once. In training mode nothing else reads the statistics, so everything else is compared for both.
CASES = {
    "mdeat": Case(Replay(Step(px(10), spread=1)), Magnitude(1.01, 8), start=clipped),
    "mdeat_alpha2": Case(Replay(Step(px(2), spread=1)), Magnitude(1.0, 4), start=clipped),
    "free_deat": Case(Replay(Step(EPS), noise=0.0), Constant(4)),
    "pgd": Case(PGD(Step(px(2)), mode="train"), Constant(8)),
    "amata": Case(PGD(Step(spread=2.5), noise=0.0, mode="train"), Linear(3, 11), extra=1),
    "mpgd": Case(PGD(Step(px(2), spread=1), mode="train"), Magnitude(1.0, 5), extra=1, start=clipped),
    "mtrades": Case(PGD(Step(px(2)), mode="train"), Magnitude(1.0, 5), TRADES(6), 1, milli, statistics=False),
    "mtrades, target anew": Case(PGD(Step(px(2)), mode="train"), Magnitude(1.0, 5), Retargeted(6), 1, milli),
    "mmart": Case(PGD(Step(px(2)), mode="train"), Magnitude(1.0, 5), MART(6), extra=1, start=milli_clipped),
    "free_fast": Case(Carried(Step(EPS)), Constant(4), file="deat_fast"),
    "fgsm_rs": Case(PGD(Step(px(10)), mode="train"), Constant(2), start=pixels_clipped, file="deat_fast"),
    "deatd": Case(Replay(Step(px(10))), Delayed(3, 3), start=pixels, file="deat_fast"),
    "deatp": Case(Replay(Step(px(10))), Threshold(0.3, 4), start=pixels, file="deat_fast"),
    "mdeat_fast": Case(Replay(Step(px(12))), Magnitude(1.0, 8), start=pixels, file="deat_fast"),
}


RECIPES = {
    "mdeat": m_deat(),
    "mdeat_alpha2": m_deat(gamma=1.0, most=4, step=0.25),
    "free_deat": free(replays=4, carry=False),
    "pgd": pgd_at(mode="train"),
    "amata": amata(),
    "mpgd": m_pgd(gamma=1.0, steps=4, full=1),
    "mtrades": m_trades(gamma=1.0, steps=4, full=1),
    "mmart": m_mart(gamma=1.0, steps=4, full=1),
    "free_fast": free(replays=4),
    "fgsm_rs": fgsm_rs(),
    "deatd": deat_d(every=3, most=3),
    "deatp": deat_p(accuracy=0.3, most=4),
    "mdeat_fast": m_deat(gamma=1.0, step=1.5),
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_are_the_recorded_compositions(name):
    case, method = CASES[name], RECIPES[name]
    assert method.threat == Linf(EPS)
    assert (method.schedule, method.objective) == (case.schedule, case.objective)
    solver = replace(method.solver, step=case.solver.step)
    if name in ("mtrades", "mmart"):
        solver = replace(solver, noise=1.0)  # a uniform start, of the size of their normal one
    assert solver == case.solver


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_take_the_recorded_steps(name):
    ours, recorded = RECIPES[name].solver.step, CASES[name].solver.step
    one = name == "fgsm_rs"  # its way of 10/255 is one step; the recipe would share it among more
    for k in range(1, 2 if one else 12):
        assert ours(EPS, k) == pytest.approx(recorded(EPS, k))


State = dict[str, torch.Tensor]


@dataclass
class Run:
    """A recorded run repeated: what was seen at each optimizer step, at the end of each batch and of each epoch."""

    name: str
    case: Case
    arrays: dict[str, torch.Tensor]
    model: Any
    optimizer: Any
    steps: list[dict[str, torch.Tensor]] = field(default_factory=list)
    ascents: list[torch.Tensor] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    deltas: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)
    epochs: list[dict[str, Any]] = field(default_factory=list)
    first: dict[str, torch.Tensor] = field(default_factory=dict)

    @property
    def unit(self):
        """The unit of the recorded perturbations, in pixels."""
        return STD if self.case.file == "deat_fast" else torch.ones(3, 1, 1)


@dataclass(frozen=True)
class Led:
    """A threat that goes the way that was gone before, whatever the gradients say now."""

    threat: Any
    way: Iterator[torch.Tensor]

    radius = property(lambda self: self.threat.radius)
    noise = property(lambda self: self.threat.noise)
    project = property(lambda self: self.threat.project)
    apply = property(lambda self: self.threat.apply)

    def ascend(self, z, gradient, size):
        self.threat.ascend(z, gradient, size)
        return next(self.way).to(z.dtype)


@pytest.fixture(scope="module")
def repeated(golden, tiny, driven, recorded, watched):
    """Train as recorded, with `lead(threat)` for the threat and `follow(model)` after each step of the weights. The
    number of passes of each epoch is what `plan` says, or else what the schedule makes of our own measurements."""

    def train(key, dtype, lead=lambda threat: threat, follow=lambda model: None, plan=None):
        case, name = CASES[key], key.partition(",")[0]
        arrays = golden(case.file).under(f"{name}/").double()
        model = tiny(arrays.under("init/")).to(dtype)
        found = Run(key, case, arrays, model, driven(model, arrays["step_lr"], arrays["step_momentum"]))
        found.optimizer.register_step_post_hook(lambda *_: found.states.append(copy(model.state_dict())))
        found.optimizer.register_step_post_hook(lambda *_: follow(model))
        memories, state = [], case.schedule.init()
        epochs = len(arrays["epoch_steps"])
        for epoch in range(epochs):
            passes, batches = plan[epoch] if plan else case.schedule.passes(state), []
            for b in range(len(arrays["batch_sizes"])):
                threat = recorded(Linf(EPS), start_of(found, epoch, b).to(dtype))
                batches.append(_batch(found, (epoch, b), passes, memories, lead(threat), watched(case.objective)))
                found.ascents += threat.ascents
            sums = {key: sum(float(batch[key]) for batch in batches) for key in batches[0]}
            # their measure weighs batches, not images; the last batch is shorter here (ours never is)
            by_batch = sum(float(batch["gradient"]) / int(batch["gradient_rows"]) for batch in batches)
            means = {"adv": sums["adv"] / sums["adv_rows"], "gradient": by_batch}
            state = case.schedule.after(state, means | {"progress": (epoch + 1) / epochs})
            found.epochs.append(sums | {"passes": passes})
            found.first = found.first or copy(model[1].state_dict())
        return found

    return train


@pytest.fixture(scope="module", params=CASES)
def exact(request, repeated):
    """In double precision."""
    return repeated(request.param, torch.float64)


@pytest.fixture(scope="module")
def single(exact, repeated):
    """In single precision, led along the way of `exact`."""
    way, states = iter(exact.ascents), iter(exact.states)
    return repeated(
        exact.name,
        torch.float32,
        lead=lambda threat: Led(threat, way),
        follow=lambda model: model.load_state_dict(next(states)),
        plan=[epoch["passes"] for epoch in exact.epochs],
    )


def copy(state):
    return {name: value.clone() for name, value in state.items()}


def start_of(run, epoch, b):
    x, noise = run.arrays[f"x{b}"], run.arrays.get(f"noise/b{b}")
    return torch.zeros_like(x) if noise is None else run.case.start(noise[epoch], x)


def _batch(run, at, passes, memories, threat, objective):
    (epoch, b), case, dtype = at, run.case, next(run.model.parameters()).dtype
    x, y = run.arrays[f"x{b}"].to(dtype), run.arrays[f"y{b}"]
    method = Method(threat, case.solver, case.schedule, objective)
    sums = train_batch(run.model, Batch(x, y), method, passes, run.optimizer, memories)
    for view, loss in zip(objective.views, objective.losses, strict=True):
        run.steps.append({"loss": loss.mean(), "logits": view.adv.detach()})
    run.deltas[epoch, b] = _left(case.solver, threat, view, passes, memories)
    slope = view.z.grad
    assert float(sums["gradient"]) == pytest.approx(len(x) * float(slope.abs().sum()), rel=1e-5)
    return {key: sums[key] for key in ("adv", "adv_rows", "gradient", "gradient_rows")} | {
        "magnitude": (slope * STD).abs().sum(),
        "loss_sum": len(x) * loss.mean(),
    }


def _left(solver, threat, view, passes, memories):
    """The perturbation that their code holds at the end of a batch: replays make a step more that nobody sees."""
    if isinstance(solver, Carried):
        return memories[0]["z"].clone()
    if isinstance(solver, PGD):
        return view.z.detach()
    # of a single replay theirs is alpha, ours would be max(alpha, eps / 1): nobody sees either
    size = solver.step(threat.radius, passes) if passes > 1 else solver.step.size
    return threat.project(threat.ascend(view.z.detach(), view.z.grad, size), view.game.attacked_images, 1.0)


def test_the_first_gradient(exact):
    for name, expected in exact.arrays.under("grad_step0/").items():
        close(exact.optimizer.gradients[0][f"1.{name}"], expected, GRADIENTS)


@pytest.mark.parametrize("precision", ["exact", "single"])
def test_every_step(exact, single, precision):
    run = {"exact": exact, "single": single}[precision]
    assert len(run.steps) == len(run.arrays["step_loss"]) == len(run.optimizer.gradients)
    for seen, loss, logits in zip(run.steps, run.arrays["step_loss"], run.arrays["step_logits"], strict=True):
        close(seen["loss"], loss, LOGITS)
        close(seen["logits"], logits[: len(seen["logits"])], LOGITS)


def test_every_perturbation(exact):
    tolerance = NORMALISED if exact.case.file == "deat_fast" else PIXELS
    for i, epoch in enumerate(exact.arrays["delta_epochs"].tolist()):
        for b in range(len(exact.arrays["batch_sizes"])):
            close(exact.deltas[epoch, b] / exact.unit, exact.arrays[f"delta/b{b}"][i], tolerance)


def test_every_epoch(exact):
    arrays = exact.arrays
    for epoch, seen in enumerate(exact.epochs):
        assert seen["adv"] == int(arrays["epoch_train_correct"][epoch])
        assert seen["loss_sum"] == pytest.approx(float(arrays["epoch_train_loss_sum"][epoch]), rel=MAGNITUDE)
        assert seen["adv_rows"] == int(arrays["epoch_samples"][epoch])
        if "epoch_r" in arrays:
            assert seen["passes"] == int(arrays["epoch_r"][epoch]) + exact.case.extra
        if "epoch_MG" in arrays:
            assert seen["magnitude"] == pytest.approx(float(arrays["epoch_MG"][epoch]), rel=MAGNITUDE)
        if "epoch_alpha" in arrays and seen["passes"] > 1:  # with one pass nobody sees a step
            r = int(arrays["epoch_r"][epoch])
            assert exact.case.solver.step(EPS, r) == pytest.approx(float(arrays["epoch_alpha"][epoch]))


MAGNITUDES = [name for name, case in CASES.items() if isinstance(case.schedule, Magnitude)]


@pytest.mark.parametrize("exact", MAGNITUDES, indirect=True)
def test_the_rule_on_their_measurements_has_their_passes_and_thresholds(exact):
    schedule, state = exact.case.schedule, exact.case.schedule.init()
    epochs = (exact.arrays[name].tolist() for name in ("epoch_r", "epoch_MG", "epoch_threshold"))
    for r, magnitude, threshold in zip(*epochs, strict=True):
        before, state = state, schedule.after(state, {"gradient": magnitude})
        assert schedule.passes(before) == r + exact.case.extra
        # recorded before the rule acts, in the fast code afterwards
        bar = (state if exact.case.file == "deat_fast" else before)["bar"]
        assert (bar or 0.0) == pytest.approx(threshold, rel=1e-6)
    assert bar


# With batches of 12, 12 and 7 the mean over images is not the sum over batches: in this epoch theirs is 0.2 % above the
# bar and ours 0.02 % below it. Batches are of one size in our training, where the two agree.
ON_THE_EDGE = {"mdeat": 6}


@pytest.mark.parametrize("exact", MAGNITUDES, indirect=True)
def test_the_mean_over_images_decides_as_the_sum_over_batches(exact):
    schedule, state = exact.case.schedule, exact.case.schedule.init()
    for epoch, seen in enumerate(exact.epochs):
        assert schedule.passes(state) == seen["passes"]
        mean, bar = seen["gradient"] / seen["gradient_rows"], state["bar"]
        state = schedule.after(state, {"gradient": mean})
        if ON_THE_EDGE.get(exact.name) == epoch:
            assert mean == pytest.approx(bar, rel=1e-3)
            return


# Their drops fire only where they fall on a whole number of batches, or, in M+TRADES and M+MART, of epochs; those of
# free_deat, pgd and mpgd partly do not. That of free_fast moves at every replay, ours stays throughout a batch.
DROPS = Multistep((0.5, 0.8))
RATES = dict.fromkeys(("mdeat", "mdeat_alpha2", "amata"), DROPS)
RATES |= dict.fromkeys(("fgsm_rs", "deatd", "deatp", "mdeat_fast"), triangle)


@pytest.mark.parametrize("exact", RATES, indirect=True)
def test_the_rate_of_every_step(exact):
    epochs, batches, rates = len(exact.epochs), len(exact.arrays["batch_sizes"]), []
    for epoch, seen in enumerate(exact.epochs):
        for b in range(batches):
            factor = RATES[exact.name]((epoch + b / batches) / epochs)
            rates += [factor] * (seen["passes"] if isinstance(exact.case.solver, Replay) else 1)
    highest = 0.05 if RATES[exact.name] is DROPS else {"fgsm_rs": 0.2}.get(exact.name, 0.1)
    close(highest * torch.tensor(rates, dtype=torch.float64), exact.arrays["step_lr"], 1e-7)


def test_the_network_in_the_end(exact):
    for prefix, state in (("after_epoch0/", exact.first), ("final/", exact.model[1].state_dict())):
        for name, expected in exact.arrays.under(prefix).items():
            if exact.case.statistics or name.rpartition(".")[2] in ("weight", "bias"):
                close(state[name], expected, WEIGHTS)
    for name, expected in exact.arrays.under("final_momentum_buffer/").items():
        close(exact.optimizer.velocity[f"1.{name}"], expected, MOMENTUM)
