"""Every kind of dial, one row each, and what must hold for all of them."""

import copy
import functools
import itertools
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

import robustdial
from robustdial.attack import PGDAttack
from robustdial.data import Batch
from robustdial.dial import (
    DialKind,
    Dials,
    Fixed,
    Interpolated,
    Line,
    Mixed,
    Nuts,
    Proportional,
    kind_of,
    no_images,
)
from robustdial.evaluate import cost
from robustdial.evaluate.check import examine
from robustdial.evaluate.check.evidence import Evidence
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.method.threat import Linf
from robustdial.training.batch import train_batch

X = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(5))
Y = torch.tensor([0, 1, 2, 3, 0, 1])


def plain():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.utils.parametrizations.weight_norm(nn.Linear(32, 4)),
    )


def shaken(model, seed=1):
    """The model with every weight and statistic moved, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point() and "codes" not in name and value.numel() > 1:
                value.add_(0.3 * torch.rand(value.shape, generator=generator))
    model.eval()
    return model


class Row(NamedTuple):
    """A kind of dial.

    Attributes:
        kind: its description.
        networks: how many plain ones it is put on.
        trained: its trained positions.
        positions: where it is tried.
        costs: number of different costs.
        type: of the baked network between the ends.
        trains: whether it is trained.
    """

    kind: DialKind
    networks: int
    trained: tuple[float | None, ...]
    positions: tuple[float | None, ...]
    costs: int = 1
    type: str = "Sequential"
    trains: bool = True


BETWEEN = (0.0, 0.1, 0.5, 0.8, 1.0)
ROWS = {
    "none": Row(Fixed(), 1, (None,), (None,)),
    "conditional": Row(Dials((0, 0.5, 1), radii=Proportional(1.5)), 1, (0.0, 0.5, 1.0), BETWEEN),
    "line": Row(Line((0, 0.5, 1), radii=Proportional(1.5)), 1, (0.0, 0.5, 1.0), BETWEEN),
    "mixture": Row(Mixed(), 2, (0.0, 1.0), BETWEEN, 3, "Mix", False),
    "MixedNUTS": Row(Mixed(bend=Nuts(2.0, 1.5, -0.5)), 2, (0.0, 1.0), BETWEEN, 3, "Mix", False),
    "interpolation": Row(Interpolated(), 2, (0.0, 1.0), BETWEEN, trains=False),
}
BAKED = ("none", "mixture", "MixedNUTS")
every_kind = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)


@functools.cache
def _built(row, seed):
    networks = [shaken(plain(), seed + i) for i in range(row.networks)]
    return shaken(row.kind.put_on(*networks, example=X[:2]), seed + 7)


def built(row, seed=1) -> nn.Module:
    """A network with this dial: a copy, as putting it on takes longer."""
    return copy.deepcopy(_built(row, seed))


def at(row, model, lam):
    return row.kind.at(model, lam, 1.0, no_images)


@every_kind
def test_a_network_knows_its_dial(row):
    assert kind_of(built(row)) == row.kind


@every_kind
def test_every_position_is_the_same_served_and_baked(row):
    model, seen = built(row), []
    for lam in row.positions:
        served, baked = at(row, model, lam), row.kind.bake(model, lam, 1.0, no_images)
        seen.append(served(X))
        torch.testing.assert_close(baked(X), seen[-1], rtol=1e-4, atol=1e-4)
        assert not any(module.training for module in baked.modules())
        assert kind_of(baked) == Fixed()
    assert all((one - other).abs().max() > 1e-4 for one, other in itertools.pairwise(seen))


@every_kind
def test_a_network_in_double_precision_answers_in_it(row):
    model, lam = built(row).double(), row.positions[len(row.positions) // 2]
    answers = at(row, model, lam)(X.double()), row.kind.bake(model, lam, 1.0, no_images)(X.double())
    torch.testing.assert_close(*answers, rtol=1e-9, atol=1e-9)
    assert answers[0].dtype == torch.float64


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.networks == 2], ids=lambda row: row.kind.name)
def test_the_ends_are_the_given_networks(row):
    networks = [shaken(plain(), 1), shaken(plain(), 2)]
    model = row.kind.put_on(*networks, example=X[:2])
    for lam, network in zip((0.0, 1.0), networks, strict=True):
        torch.testing.assert_close(at(row, model, lam)(X), network(X))


@every_kind
def test_between_the_ends_the_baked_network_has_its_type(row):
    middle = row.positions[len(row.positions) // 2]
    assert type(row.kind.bake(built(row), middle, 1.0, no_images)).__name__ == row.type


@pytest.mark.parametrize(
    "row",
    # to a format, what is baked of a dial on one network is a plain network
    [pytest.param(row, marks=() if name in BAKED else pytest.mark.slow) for name, row in ROWS.items()],
    ids=ROWS,
)
def test_every_position_is_the_same_in_onnx(row, tmp_path):
    pytest.importorskip("onnxruntime")
    from robustdial.ship.export import FORMATS, Facts

    facts = Facts("net", None, ("a", "b", "c", "d"), (3, 8, 8), (), (), 0.5, 1.0)
    model, form = built(row), FORMATS["onnx"]
    lam = row.positions[len(row.positions) // 2]
    form.write(row.kind.bake(model, lam, 1.0, no_images), X, facts, tmp_path / "net.onnx")
    torch.testing.assert_close(form.open(tmp_path / "net.onnx")(X), at(row, model, lam)(X), rtol=1e-3, atol=1e-4)


@every_kind
def test_some_positions_are_trained(row):
    assert tuple(lam for lam in row.positions if row.kind.trained(lam)) == row.trained
    assert set(row.trained) <= set(row.kind.lambdas)
    assert row.kind.widths == (1.0,)


@every_kind
def test_positions_of_one_cost_are_timed_once(row):
    model = built(row)
    found = {
        row.kind.costs_like(lam): cost(row.kind.bake(model, lam, 1.0, no_images), (3, 8, 8)) for lam in row.positions
    }
    assert len(found) == row.costs
    for lam in row.positions:
        assert cost(row.kind.bake(model, lam, 1.0, no_images), (3, 8, 8)) == found[row.kind.costs_like(lam)]


@every_kind
def test_weights_go_through_a_file_and_come_back(row):
    model, other = built(row), built(row, seed=20)
    other.load_state_dict(load(save({name: value.contiguous() for name, value in model.state_dict().items()})))
    for lam in row.positions:
        assert torch.equal(at(row, other, lam)(X), at(row, model, lam)(X))


@every_kind
def test_a_copy_is_its_own(row):
    model = built(row)
    lam = row.positions[len(row.positions) // 2]
    before, copied = at(row, model, lam)(X), copy.deepcopy(model)
    shaken(copied, 3)
    assert torch.equal(at(row, model, lam)(X), before)
    assert not torch.equal(at(row, copied, lam)(X), before)


@every_kind
def test_attacks_go_through(row):
    model = built(row)
    for lam in row.positions:
        f = at(row, model, lam)
        x = X.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(f(x), Y), x)
        assert gradient.isfinite().all() and gradient.flatten(1).any(1).all()
        y = f(X).argmax(1)
        adv = PGDAttack(5)(f, X, y, Linf(0.3))
        higher = nn.functional.cross_entropy(f(adv), y) > nn.functional.cross_entropy(f(X), y)
        assert higher, "the attack has not climbed"


@every_kind
@pytest.mark.parametrize(("lam", "width"), [(1.5, 1.0), (0.5, 0.5), (None, 1.0)])
def test_a_place_off_the_dial_is_refused(row, lam, width):
    if (lam, width) == (None, 1.0) and None in row.positions:
        pytest.skip("the one position of a network without a dial")
    for verb in (row.kind.at, row.kind.bake):
        with pytest.raises(ValueError, match=r"not on this dial|has a dial. Say where|has no dial"):
            verb(built(row), lam, width, no_images)


@every_kind
def test_a_kind_trains_its_own_network_and_no_other(row):
    model, method = built(row), Method(Linf(0.1), PGD(Step(spread=1.25)), Constant(2), AT(), row.kind)
    model.train()
    if not row.trains:
        with pytest.raises(TypeError, match="not trained"):
            row.kind.seats(model, model, X)
        return
    lam = row.positions[-1]
    model.eval()
    before = at(row, model, lam)(X)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(8):
        model.train()
        train_batch(model, Batch(X, Y), method, 2, optimizer, [])
    model.eval()
    assert not torch.allclose(at(row, model, lam)(X), before)
    for other in ROWS.values():
        if other.kind.name != row.kind.name:
            with pytest.raises((TypeError, ValueError)):
                row.kind.seats(built(other), model, X)


@every_kind
def test_two_forwards_are_no_obfuscation_and_log_probabilities_no_softmax(row):
    f = at(row, built(row), row.positions[len(row.positions) // 2])
    x = torch.rand(24, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    found = examine(Evidence(f, x, f(x).argmax(1), Linf(0.1)))
    raised = {check.id for check in found if check.state == "raised"}
    assert not raised & {"softmax-output", "zero-gradients", "wrong-gradients", "dynamic-forward", "randomised"}


def test_nobody_asks_which_kind_a_dial_is():
    source, kinds = Path(robustdial.__file__).parent, "Fixed|Dials|Dialed|Mixed|Mixture|Line|OnLine|Interpolated"
    asking = re.compile(rf"isinstance\([^)]*\b({kinds})\b|hasattr\([^)]*settings")
    assert not [path for path in source.rglob("*.py") if asking.search(path.read_text(encoding="utf-8"))]
