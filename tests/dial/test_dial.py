"""The dial: what a dialed network promises."""

import copy
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from robustdial import models
from robustdial.dial import (
    DCT,
    Cosine,
    CosineFunction,
    Dials,
    Fixed,
    IdentityFiLM,
    OneHot,
    Orthogonal,
    PaperFiLM,
    PerBatch,
    PerSample,
    Scalar,
    dial,
)
from robustdial.dial.norm import DialNorm

LAMBDAS = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
ENCODINGS = [Scalar(), Cosine(8), CosineFunction(8), OneHot(), DCT(16), Orthogonal(16)]
ARCHITECTURES = [
    ("cnn", (1, 8, 8)),
    ("resnet18", (3, 32, 32)),
    ("preact_resnet18", (3, 32, 32)),
    ("wrn16_8", (3, 32, 32)),
    ("vgg16", (3, 32, 32)),
]


def plain(name="cnn", shape=(1, 8, 8), width=4):
    channels = shape[0]
    return models.build(name, classes=10, shape=shape, mean=[0.5] * channels, std=[0.25] * channels, width=width)


def unsettled(model):
    """The same network with weights and statistics that are nowhere at their initial values."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point and name != "codes" and "normalize" not in name:
                noise = torch.rand(value.shape, generator=generator)
                value.add_(0.3 * noise) if "running_var" in name else value.add_(0.1 * (noise - 0.5))
    return model


@pytest.mark.parametrize(("name", "shape"), ARCHITECTURES)
def test_a_new_dial_changes_nothing(name, shape):
    net = unsettled(plain(name, shape)).eval()
    x = torch.rand(3, *shape)
    model = dial(net).eval()
    for lam in (*LAMBDAS, 0.05, 0.7):
        torch.testing.assert_close(model.at(lam)(x), net(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "shape"), ARCHITECTURES)
def test_bake_equals_at(name, shape):
    net = plain(name, shape)
    model = unsettled(dial(net)).eval()
    x = torch.rand(3, *shape)
    outs = []
    for lam in (*LAMBDAS, 0.05, 0.7):
        baked = model.bake(lam)
        torch.testing.assert_close(baked(x), model.at(lam)(x), atol=1e-5, rtol=0)
        assert type(baked) is type(net)
        assert baked.state_dict().keys() == net.state_dict().keys()
        assert not any(isinstance(module, DialNorm) for module in baked.modules())
        outs.append(baked(x))
    assert all((a - b).abs().max() > 1e-4 for a, b in itertools.pairwise(outs)), "the dial does not do anything"


@pytest.mark.parametrize(("name", "shape"), ARCHITECTURES)
def test_gradients_reach_every_parameter(name, shape):
    model = unsettled(dial(plain(name, shape))).train()
    (setting,) = model.settings(torch.tensor([0, 0, 2, 5]))
    model(torch.rand(4, *shape), setting).square().sum().backward()
    missing = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert not missing


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_row_is_served_at_its_own_lambda(encoding, dual):
    model = unsettled(dial(plain(), Dials(LAMBDAS, encoding=encoding, conditioner=PaperFiLM(), dual=dual))).eval()
    x, rows = torch.rand(6, 1, 8, 8), torch.tensor([0, 0, 5, 3, 1, 4])
    (setting,) = model.settings(rows)
    mixed = model(x, setting)
    for i, row in enumerate(rows):
        torch.testing.assert_close(mixed[i : i + 1], model.at(LAMBDAS[row])(x[i : i + 1]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_dial_is_continuous(encoding):
    model = unsettled(dial(plain(), Dials(LAMBDAS, encoding=encoding, conditioner=PaperFiLM()))).eval()
    x = torch.rand(4, 1, 8, 8)
    for lam in (0.0, 0.1, 0.25, 0.4, 1.0):
        near = lam + 1e-4 if lam < 1 else lam - 1e-4
        torch.testing.assert_close(model.at(near)(x), model.at(lam)(x), atol=1e-2, rtol=0)
    assert (model.at(0.25)(x) - model.at(0.2)(x)).abs().max() > 1e-4


def statistics(model, branch):
    return {name: value.clone() for name, value in model.named_buffers() if f".{branch}." in name and "running" in name}


@pytest.mark.parametrize(
    ("rows", "clean_moves", "robust_moves"),
    [([0, 0, 0, 0], True, False), ([2, 5, 1, 1], False, True), ([0, 0, 3, 4], True, True)],
    ids=["lambda 0", "lambda above 0", "both"],
)
def test_only_the_statistics_of_the_rows_branch_move(rows, clean_moves, robust_moves):
    model = dial(plain()).train()
    before = {branch: statistics(model, branch) for branch in ("clean", "robust")}
    (setting,) = model.settings(torch.tensor(rows))
    model(torch.rand(4, 1, 8, 8), setting)
    for branch, moves in (("clean", clean_moves), ("robust", robust_moves)):
        after = statistics(model, branch)
        assert before[branch]
        assert all(torch.equal(before[branch][name], after[name]) != moves for name in after)


def test_without_a_dual_norm_there_is_one_set_of_statistics():
    model = dial(plain(), Dials(dual=False))
    assert not any(".clean." in name for name in model.state_dict())


def test_the_users_model_is_left_alone():
    net = plain()
    before = copy.deepcopy(net.state_dict())
    model = unsettled(dial(net))
    model.train()(torch.rand(4, 1, 8, 8), model.settings(torch.tensor([0, 0, 3, 4]))[0])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_layer_used_twice_stays_one_layer():
    norm = nn.BatchNorm2d(3)
    model = dial(
        nn.Sequential(nn.Conv2d(1, 3, 3), norm, nn.Conv2d(3, 3, 3), norm, nn.Flatten(), nn.Linear(48, 10))
    ).eval()
    assert model.body[1] is model.body[3]
    baked = model.bake(0.3)
    assert baked[1] is baked[3]


def test_codes_travel_with_the_weights():
    one = dial(plain(), Dials(encoding=Orthogonal(16, seed=1)))
    two = dial(plain(), Dials(encoding=Orthogonal(16, seed=2)))
    assert not torch.equal(one.codes, two.codes)
    two.load_state_dict(one.state_dict())
    assert torch.equal(one.codes, two.codes)


@pytest.mark.parametrize("encoding", [OneHot(), Orthogonal(16)])
def test_codes_are_orthonormal(encoding):
    table = encoding.table(LAMBDAS)
    torch.testing.assert_close(table @ table.T, torch.eye(6), atol=1e-6, rtol=0)


def test_dct_codes_have_the_published_norms():
    norms = DCT(128).table(LAMBDAS).norm(dim=1)
    torch.testing.assert_close(norms, torch.tensor([22.627417, 16, 16, 16, 16, 16]), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("batch", "zeros", "first"),
    [(128, None, 22), (6, None, 1), (10, 0.25, 3), (10, 0.0, 0), (10, 1.0, 10), (1, None, 1)],
)
def test_sampling_puts_its_zeros_first(batch, zeros, first):
    rows = PerSample(zeros).rows(batch, LAMBDAS)
    assert len(rows) == batch
    assert (rows[:first] == 0).all()
    assert (rows[first:] > 0).all()


def test_sampling_is_uniform_over_the_positive_lambdas():
    counts = PerSample().rows(60_000, LAMBDAS).bincount()
    assert (counts - 10_000).abs().max() < 500


def test_sampling_without_zero_on_the_dial():
    assert set(PerSample().rows(100, (0.5, 1.0)).tolist()) == {0, 1}
    assert PerSample().rows(5, (0.0,)).tolist() == [0] * 5


def test_a_batch_can_share_one_lambda():
    drawn = [PerBatch().rows(7, LAMBDAS) for _ in range(200)]
    assert all(len(rows) == 7 and rows.unique().numel() == 1 for rows in drawn)
    assert len({int(rows[0]) for rows in drawn}) == 6


@pytest.mark.parametrize("conditioner", [IdentityFiLM(), PaperFiLM()])
def test_a_served_network_follows_training(conditioner):
    model = dial(plain(), Dials(conditioner=conditioner)).eval()
    f, x = model.at(0.2), torch.rand(2, 1, 8, 8)
    before = f(x)
    unsettled(model)
    assert not torch.allclose(before, f(x))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dial(nn.Linear(3, 3)), ValueError, "no norm and no convolution"),
        (lambda: dial(dial(plain())), TypeError, "has a dial already"),
        (lambda: dial(nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False))), ValueError, "track_running_stats"),
        (lambda: dial(plain(), sites=lambda name, module: isinstance(module, nn.ReLU)), TypeError, "is a ReLU"),
        (lambda: dial(nn.Sequential(nn.LayerNorm((3, 8, 8)))), TypeError, "at once"),
        (lambda: Dials(widths=(0.5, 1.5)), ValueError, "with 1 among them"),
        (lambda: Dials(widths=(0.5,)), ValueError, "make the network narrower"),
        (lambda: dial(plain(), Dials(widths=(0.5, 1.0))), ValueError, "example=x"),
        (lambda: dial(plain()).at(1.5), ValueError, "lam=1.5 is not on this dial .*nearest 1"),
        (lambda: dial(plain(), Dials((0.2, 0.6))).at(0.1), ValueError, "from 0.2 to 0.6, nearest 0.2"),
        (lambda: dial(plain()).at(0.5, width=0.5), ValueError, "width=0.5 is not .* train with it: --widths 0.5 1,"),
        (lambda: dial(plain()).at(0.5, width=2), ValueError, r"width=2 is not .* \(1\). Choose one of these\.$"),
        (lambda: Dials(()), ValueError, "at least one number"),
        (lambda: Dials((0.0, 2.0)), ValueError, "between 0 and 1"),
        (lambda: PerSample(1.5), ValueError, "not a share"),
        (lambda: dial(plain(), Dials(encoding=Orthogonal(4))), ValueError, "cannot tell 6 lambdas apart"),
        (lambda: Dials().seats(plain(), plain(), torch.rand(2, 1, 8, 8)), TypeError, "the model has none"),
        (
            lambda: Dials().seats(dial(plain(), Dials((0, 1))), plain(), torch.rand(2, 1, 8, 8)),
            ValueError,
            "the same Dials",
        ),
        (lambda: Fixed().seats(dial(plain()), plain(), torch.rand(2, 1, 8, 8)), TypeError, "the model has a dial"),
        (lambda: Cosine(1), ValueError, "at least 2"),
        (lambda: dial(plain()).body(torch.rand(2, 1, 8, 8)), RuntimeError, r"model.at\(lam\)"),
    ],
)
def test_mistakes_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_one_network_can_be_served_at_two_lambdas_at_once():
    model, x = unsettled(dial(plain())).eval(), torch.rand(2, 1, 8, 8)
    served = {lam: model.at(lam) for lam in (0.0, 1.0)}
    expected = {lam: f(x) for lam, f in served.items()}
    with ThreadPoolExecutor(2) as pool, torch.no_grad():
        answers = list(pool.map(lambda lam: (lam, served[lam](x)), [0.0, 1.0] * 100))
    assert all(torch.equal(answer, expected[lam]) for lam, answer in answers)


def test_a_served_network_moves_and_casts():
    model, x = unsettled(dial(plain())).eval(), torch.rand(2, 1, 8, 8)
    single = model.at(0.3)(x)
    torch.testing.assert_close(model.at(0.3).double()(x.double()).float(), single, atol=1e-5, rtol=0)


def test_a_served_network_follows_the_mode_of_its_network():
    model = dial(plain()).train()
    f, x = model.at(0.3), torch.rand(2, 1, 8, 8)
    model.eval()
    assert torch.equal(f(x), model.at(0.3)(x))


def test_fixed_seats_attack_every_row():
    net, x = plain().eval(), torch.rand(3, 1, 8, 8)
    (seat,) = Fixed().seats(net, net, x)
    assert seat.first == 0
    assert (seat.lam == 1).all()
    assert torch.equal(seat.forward(x[1:], slice(1, None)), net(x[1:]))
