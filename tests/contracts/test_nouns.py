"""One table per noun: what the engine may rely on, of every objective, schedule, solver and recipe."""

import copy
import functools
import gc
import inspect
import json
import weakref
from dataclasses import fields

import pytest
import torch
from torch import nn

from robustdial.data import Batch, CropFlip, Origin
from robustdial.dial import Dials, Fixed, PerBatch, PerSample, Proportional
from robustdial.method import Method, describe
from robustdial.method.game import Game
from robustdial.method.objective import (
    ALP,
    AT,
    MART,
    RSLAD,
    TRADES,
    Abnormal,
    Blend,
    Consistent,
    Distilled,
    GradAlign,
    Guided,
    Helped,
    LocalLinearity,
    Matched,
    Nuclear,
    SelfTraining,
    Smoothed,
    Steady,
    Targeted,
    first_of,
    rest_of,
)
from robustdial.method.schedule import Constant, Delayed, Linear, Magnitude, Rebound, Threshold, Warm
from robustdial.method.solver import (
    PGD,
    YOPO,
    Carried,
    Corner,
    EachBall,
    Friendly,
    Generated,
    Indicative,
    Noisy,
    OneBall,
    Prior,
    Replay,
    Started,
    Step,
    Transferred,
    WorstBall,
    WorstOf,
    ZeroGrad,
)
from robustdial.method.threat import L1, L2, Linf, Union
from robustdial.models import build
from robustdial.randomness import seeded
from robustdial.recipes import RECIPES
from robustdial.recipes.facts import documented
from robustdial.run import Run
from robustdial.training.batch import train_batch

OBJECTIVES = [
    AT(),
    Blend(),
    TRADES(),
    MART(),
    ALP(),
    GradAlign(AT()),
    Smoothed(AT(), 0.1),
    Smoothed(MART(), 0.1),
    Distilled(AT(), 0.5),
    Distilled(TRADES(), 1.0),
    SelfTraining(Blend(0.5)),
    SelfTraining(TRADES()),
    Smoothed(SelfTraining(TRADES()), 0.1),
    Targeted(AT()),
    Smoothed(Targeted(Blend(0.5)), 0.1),
    Guided(Blend(0.5)),
    Guided(AT(), c=5.0),
    Matched(),
    Smoothed(Matched(), 0.1),
    Nuclear(),
    LocalLinearity(AT()),
    Steady(AT()),
    Smoothed(Steady(AT()), 0.1),
    Consistent(AT()),
    Abnormal(AT()),
    RSLAD(),
    SelfTraining(RSLAD(0.5)),
    Helped(TRADES(2.5)),
    Smoothed(Helped(Blend(), 1.0, 3.0), 0.1),
]
SCHEDULES = [
    Constant(1),
    Constant(8),
    Delayed(2, 5),
    Threshold(0.4, 4),
    Linear(3, 11),
    Magnitude(1.01, 8),
    Magnitude(1.01, 8, full=5),
    Rebound(1.01, 8),
    Warm(0.5, Constant(8)),
    Warm(0.0, Magnitude(1.01, 8)),
]
SOLVERS = [
    PGD(Step(0.02)),
    PGD(Step(spread=1.25), noise=0.0),
    PGD(Step(0.02), mode="train"),
    Friendly(Step(0.02)),
    Friendly(Step(0.02), patience=2, jitter=0.1, mode="train"),
    Replay(Step(0.02)),
    Replay(Step(0.02, spread=1.0), noise=0.0),
    Carried(Step(0.02)),
    YOPO(Step(0.02), inner=3),
    Transferred(Step(0.02)),
    Transferred(Step(0.02), reset=1, noise=0.1, mode="train"),
    WorstOf(),
    WorstOf(mode="train"),
    Generated(Step(0.02)),
    Generated(Step(0.02), every=1, share=0.5, noise=0.1, mode="train"),
    Noisy(Step(spread=1.0)),
    Noisy(Step(0.02), noise=0.5, mode="eval"),
    Started(Step(spread=1.0), Corner(0.5)),
    Started(Step(0.02), Indicative(), mode="train"),
    Prior(Step(0.1)),
    Prior(Step(0.02), reset=1, mode="eval"),
    ZeroGrad(Step(spread=2.0)),
    OneBall(PGD(Step(spread=1.25), noise=0.0)),
    EachBall(PGD(Step(spread=1.25), mode="train")),
    WorstBall(PGD(Step(spread=1.25))),
]
BEYOND = {SOLVERS[-10]: 3.0, SOLVERS[-9]: 1.1}
"""How many radii what a solver finds may be long, where that is more than one."""

THREATS = [Linf(0.1), L2(1.0), L1(2.0), Union((Linf(0.1), L1(2.0)))]
DIALS = [
    Fixed(),
    Dials(),
    Dials(dual=False),
    Dials((0.0, 1.0), sampling=PerSample(0.5)),
    Dials((0.0,)),
    Dials((0.5, 1.0)),
    Dials(sampling=PerBatch()),
    Dials((0.0, 0.25, 1.0), radii=Proportional(1.5)),
    Dials((0.0, 1.0), (0.5, 1.0)),
]


MEETINGS = [
    pytest.param(solver, dials, threat, marks=() if (i + j) % len(THREATS) == k else pytest.mark.slow)
    for i, solver in enumerate(SOLVERS)
    for j, dials in enumerate(DIALS)
    for k, threat in enumerate(THREATS)
]
"""Every two of them meet; every three on demand, with `-m slow`."""


@functools.cache
def _network(dials, seed):
    with seeded(seed):
        plain = build("cnn", classes=4, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
        return dials.put_on(plain, example=torch.rand(2, 1, 8, 8))


def network(dials, seed=0):
    """A network with this dial: a copy, as putting it on is most of what a test here would take."""
    return copy.deepcopy(_network(dials, seed))


def batch(n=12):
    return torch.rand(n, 1, 8, 8), torch.arange(n) % 4


def games(dials, objective=None, threat=None, soft=False):
    x, y = batch()
    y = nn.functional.one_hot(y, 4).float() if soft else y
    model = network(dials).train()
    seats, place = dials.seats(model, model, x), Origin(torch.arange(len(x)), len(x), CropFlip(1).draw(x))
    teacher = network(Fixed(), seed=1).eval()
    return [
        Game(model, seat, Batch(x, y, place), threat or Linf(0.1), objective or Blend(), teacher=teacher)
        for seat in seats
    ]


def learned(play):
    """The points of a play, each with the gradient of the perturbation that learning leaves; weights are spared."""
    for point in play:
        if len(point.z):
            (point.z.grad,) = torch.autograd.grad(point.game.objective.learn(point).mean(), point.z)
        yield point


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("dials", [Fixed(), Dials((0.5, 1.0))])
def test_objectives_give_a_loss_per_row(objective, dials):
    (game,) = games(dials, objective)
    point = game.open().at(torch.zeros_like(game.attacked_images).requires_grad_())
    learn, attack = objective.learn(point), objective.attack(point)
    assert learn.shape == point.y.shape
    assert attack.shape == point.attacked_labels.shape
    assert torch.isfinite(learn).all()
    (gradient,) = torch.autograd.grad(attack.sum(), point.z)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("dials", [Fixed(), Dials((0.5, 1.0))])
def test_objectives_take_probabilities_for_labels(objective, dials):
    losses = []
    for soft in (False, True):
        torch.manual_seed(0)
        (game,) = games(dials, objective, soft=soft)
        point = game.open().at(game.noise(1.0))
        losses.append((objective.attack(point), objective.learn(point)))
        assert all(right <= len(point.y) for right, _ in point.correct().values())
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("objective", [Targeted(AT()), Matched(), Guided(Blend(0.5)), TRADES(), AT()])
@pytest.mark.parametrize("part", ["among", "dealt"])
def test_what_an_adversary_raises_is_the_same_for_some_of_the_rows(objective, part):
    (game,) = games(Fixed(), objective)
    with game.under_attack("eval"):
        some, z = torch.arange(1, 12, 4), game.noise(1.0)
        whole = objective.attack(game.open().at(z))[some]
        rows = game.batch.dealt(1, 4)
        (seat,) = Fixed().seats(game.model, game.model, rows.x, rows.place)
        dealt = Game(game.model, seat, rows, Linf(0.1), objective)
        alone = game.open().among(some) if part == "among" else dealt.open()
        torch.testing.assert_close(objective.attack(alone.at(z[some])), whole)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("dials", [Fixed(), Dials((0.5, 1.0)), Dials((0.0,))])
def test_the_terms_of_a_loss_add_up_to_it(objective, dials):
    losses = []
    for separate in (False, True):
        torch.manual_seed(0)
        (game,) = games(dials, objective)
        opened = game.open()
        first = first_of(objective, opened) if separate else None
        point = opened.at(game.noise(1.0))
        terms = list(rest_of(objective, point)) if separate else [objective.learn(point)]
        terms += [] if first is None else [first]
        assert all(term.shape == point.lam.shape and term.requires_grad for term in terms)
        losses.append(torch.stack(terms).sum(0))
    torch.testing.assert_close(*losses)


def test_a_batch_is_let_go_when_it_is_played():
    gc.disable()
    try:
        (game,) = games(Fixed(), TRADES())
        points = list(learned(PGD(Step(0.02)).play(game, 4, {})))
        kept = [weakref.ref(part) for part in (game, *points, points[0].adv)]
        del game, points
        assert not any(part() is not None for part in kept)
    finally:
        gc.enable()


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_take_probabilities_for_labels(solver):
    ends = []
    for soft in (False, True):
        torch.manual_seed(0)
        (game,) = games(Fixed(), AT(), soft=soft)
        ends.append([point.z.detach().clone() for point in learned(solver.play(game, 4, {}))])
    assert len(ends[0]) == len(ends[1])
    # signs near zero may differ; nearly all pixels go the same way
    assert all((a - b).abs().gt(1e-5).float().mean() < 0.02 for a, b in zip(*ends, strict=True))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_are_json_state_machines(schedule):
    state = schedule.init()
    for epoch in range(1, 4):
        statistics = {"loss": 1.0, "adv": 0.5, "gradient": 5.0 + epoch, "progress": epoch / 3}
        state = json.loads(json.dumps(schedule.after(state, statistics)))
        assert 1 <= schedule.passes(state) <= schedule.most


@pytest.mark.parametrize(("solver", "dials", "threat"), MEETINGS)
def test_solvers_stay_inside_and_leave_the_network_alone(solver, dials, threat):
    for game in games(dials, threat=threat):
        weights = [weight.clone() for weight in game.model.parameters()]
        points = list(learned(solver.play(game, 4, {})))
        assert points
        for point in points:
            z = point.z.detach()
            assert z.shape == game.attacked_images.shape
            limit = BEYOND.get(solver, 1.0) * game.reach
            torch.testing.assert_close(threat.project(z, game.attacked_images, limit), z, atol=1e-6, rtol=0)
        assert all(module.training for module in game.model.modules())
        assert all(weight.requires_grad and weight.grad is None for weight in game.model.parameters())
        assert all(torch.equal(a, b) for a, b in zip(weights, game.model.parameters(), strict=True))


@pytest.mark.parametrize("solver", SOLVERS)
def test_in_a_set_without_room_nothing_moves(solver):
    (game,) = games(Fixed(), threat=Linf(0.0))
    assert not any(point.z.any() for point in learned(solver.play(game, 3, {})))


def test_an_attack_in_eval_mode_leaves_the_statistics_alone_and_one_in_train_mode_moves_them():
    for mode, moves in (("eval", False), ("train", True)):
        (game,) = games(Fixed(), AT())
        before = [b.clone() for b in game.model.buffers()]
        list(PGD(Step(0.02), mode=mode).play(game, 4, {}))
        after = list(game.model.buffers())
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)) == moves


def test_layers_that_were_frozen_stay_frozen():
    model = network(Fixed()).train()
    norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    norm.eval()
    norm.weight.requires_grad_(False)
    x, y = batch()
    (seat,) = Fixed().seats(model, model, x)
    list(PGD(Step(0.02)).play(Game(model, seat, Batch(x, y), Linf(0.1), AT()), 3, {}))
    assert not norm.training
    assert not norm.weight.requires_grad


@pytest.mark.parametrize(
    ("dials", "threat"),
    [
        pytest.param(dials, threat, marks=() if i % len(THREATS) == k else pytest.mark.slow)
        for i, dials in enumerate(DIALS)
        for k, threat in enumerate(THREATS)
    ],
)
def test_any_combination_trains(dials, threat):
    objective = AT() if dials == Fixed() else Blend()
    method = Method(threat, PGD(Step(spread=1.25)), Constant(3), objective, dials)
    model = network(dials).train()
    optimizer, (x, y), losses = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), batch(), []
    for _ in range(12):
        sums = train_batch(model, Batch(x, y), method, 3, optimizer, [])
        losses.append(float(sums["loss"] / sums["rows"]))
    assert losses[-1] < losses[0]
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_documented_compositions(name):
    recipe = RECIPES[name]
    method, doc = recipe(), documented(recipe)
    assert isinstance(method, Method)
    json.dumps(describe(method))
    for part in ("Paper: ", "Cost: ", "Departures from the authors' code: ", "Args:"):
        assert part in doc, part
    knobs = inspect.signature(recipe).parameters
    assert not knobs.keys() & {field.name for field in fields(Run)}, "the command line has both"
    for argument, parameter in knobs.items():
        assert f"\n    {argument}: " in doc
        assert parameter.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", [name for name in RECIPES if "full" in inspect.signature(RECIPES[name]).parameters])
def test_a_rule_that_fills_up_stops_at_the_most(name):
    schedule = RECIPES[name](steps=2, full=9).schedule
    assert schedule.full <= schedule.most == 3


SENSELESS = [("eps", 0.0), ("eps", -1.0), ("eps", 8.0), ("steps", -1), ("gamma", 0.0), ("most", 0)]


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_refuse_what_makes_no_sense(name):
    for knob, value in SENSELESS:
        if knob in inspect.signature(RECIPES[name]).parameters:
            with pytest.raises(ValueError, match=r"eps=|at least 1 pass|gamma=|range is empty"):
                RECIPES[name](**{knob: value})
