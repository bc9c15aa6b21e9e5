"""A served position computes what the dial makes of the weights once, and again whenever these have changed."""

import copy
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap

from robustdial.dial import dial

LAM = 0.4


def network(norm=nn.BatchNorm2d):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), norm(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    model = dial(plain).eval().requires_grad_(False)
    shaken(model)
    return model


@torch.no_grad()
def shaken(model):
    for value in [*model.body.parameters(), *(b for name, b in model.body.named_buffers() if "running" in name)]:
        value.add_(0.1 * torch.rand_like(value))


def images(rows=2):
    return torch.rand(rows, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def fresh(model, x):
    """What the network answers with nothing kept."""
    return model(x, model.setting(LAM))


class Counted:
    """How often FiLM networks are called."""

    def __init__(self, model):
        self.calls = 0
        for film in films(model):
            film.register_forward_hook(self)

    def __call__(self, *given):
        self.calls += 1


def films(model):
    return [layer.film for layer in model.modules() if hasattr(layer, "film")]


def stepped(model):
    model.requires_grad_(True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fresh(model, images()).sum().backward()
    optimizer.step()
    model.requires_grad_(False)


def loaded(model, **how):
    other = copy.deepcopy(model)
    shaken(other)
    model.load_state_dict(other.state_dict(), **how)


def replaced(model):
    films(model)[0].heads[0] = copy.deepcopy(films(model)[0].heads[0])
    films(model)[0].heads[0].bias.add_(0.5)


def trained_statistics(model):
    model.train()
    fresh(model, images())
    model.eval()


def first(model):
    return films(model)[0].heads[0].bias


CHANGES = {
    "in place": lambda model: first(model).add_(0.5),
    "through .data": lambda model: first(model).data.add_(0.5),
    "other .data": lambda model: setattr(first(model), "data", first(model) + 0.5),
    "through numpy": lambda model: first(model).numpy().__iadd__(0.5),
    "another parameter": lambda model: setattr(
        films(model)[0].heads[0], "bias", nn.Parameter(first(model) + 0.5, requires_grad=False)
    ),
    "another layer": replaced,
    "optimizer": stepped,
    "load_state_dict": loaded,
    "load_state_dict, assigned": lambda model: loaded(model, assign=True),
    "statistics": trained_statistics,
    "double and back": lambda model: model.double().float(),
    "parametrized": lambda model: nn.utils.parametrizations.weight_norm(films(model)[0].heads[0]),
}


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, lambda channels: nn.GroupNorm(2, channels)])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@torch.no_grad()
def test_weights_that_have_changed_are_seen(change, norm):
    model, x = network(norm), images()
    served = model.at(LAM)
    served(x)
    assert torch.equal(served(x), fresh(model, x))
    with torch.enable_grad():
        change(model)
    torch.testing.assert_close(served(x), fresh(model, x), rtol=0, atol=0)
    torch.testing.assert_close(served(x), fresh(model, x), rtol=0, atol=0)


@torch.no_grad()
def test_what_stands_still_is_computed_once():
    model, x = network(), images()
    served, counted = model.at(LAM), Counted(model)
    for rows in (2, 1, 2):
        served(images(rows))
    assert counted.calls == 1
    with torch.autocast("cpu", torch.bfloat16):
        served(x), served(x)
    assert counted.calls == 2  # once more, in the format of those activations
    model.at(0.8)(x)
    assert counted.calls == 3


def test_a_gradient_that_is_wanted_is_there():
    model, x = network(), images()
    served = model.at(LAM)
    with torch.no_grad():
        served(x)
    model.requires_grad_(True)
    found = torch.autograd.grad(served(x).square().sum(), list(model.body.parameters()), allow_unused=True)
    wanted = torch.autograd.grad(fresh(model, x).square().sum(), list(model.body.parameters()), allow_unused=True)
    torch.testing.assert_close([g for g in found if g is not None], [g for g in wanted if g is not None])
    assert any(g is not None and g.any() for g in found)


def test_what_was_kept_in_inference_mode_serves_an_attack():
    model, x = network(), images()
    served = model.at(LAM)
    with torch.inference_mode():
        served(x)
    x.requires_grad_()
    (found,) = torch.autograd.grad(served(x).square().sum(), x)
    torch.testing.assert_close(found, torch.autograd.grad(fresh(model, x).square().sum(), x)[0])


def test_a_copy_has_weights_of_its_own():
    model, x = network(), images()
    served = model.at(LAM)
    with torch.no_grad():
        before, twin = served(x), copy.deepcopy(served)
        file = io.BytesIO()
        torch.save(served, file)
        file.seek(0)
        for other in (twin, torch.load(file, weights_only=False)):
            assert torch.equal(other(x), before)
            shaken(other.dialed)
            assert torch.equal(other(x), fresh(other.dialed, x))
        assert torch.equal(served(x), before)


@torch.no_grad()
def test_threads_each_have_their_position():
    model, x = network(), images()
    lams = [0.0, 0.1, 0.4, 1.0] * 8
    served = {lam: model.at(lam) for lam in lams}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(torch.no_grad()(lambda lam: served[lam](x)), lams))
    for lam, logits in zip(lams, found, strict=True):
        assert torch.equal(logits, model(x, model.setting(lam)))


@pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")  # of the decompositions behind jvp
def test_transforms_see_their_own_weights():
    model, x = network(), images()
    served = model.at(LAM)
    with torch.no_grad():
        served(x)
    weights = dict(served.named_parameters())
    others = {name: torch.stack([weight, weight + 0.1]) for name, weight in weights.items()}
    with torch.no_grad():
        found = vmap(lambda given: functional_call(served, given, (x,)))(others)
        for number in range(2):
            one = {name: weight[number] for name, weight in others.items()}
            torch.testing.assert_close(found[number], functional_call(served, one, (x,)))
    slopes = grad(lambda given: functional_call(served, given, (x,)).square().sum())(weights)
    _, slope = jvp(
        lambda given: functional_call(served, given, (x,)).square().sum(),
        (weights,),
        ({name: torch.ones_like(weight) for name, weight in weights.items()},),
    )
    torch.testing.assert_close(slope, sum(value.sum() for value in slopes.values()))
    assert any(value.any() for name, value in slopes.items() if ".film." in name)
    with torch.no_grad():
        assert torch.equal(served(x), fresh(model, x))


@torch.no_grad()
def test_programs_hold_no_map_of_old_weights():
    model, x = network(), images()
    served = model.at(LAM)
    served(x)
    exported = torch.export.export(served, (x,)).module()
    compiled = torch.compile(served, backend="eager")
    compiled(x)
    first(model).add_(0.5)
    torch.testing.assert_close(compiled(x), fresh(model, x))
    assert any(".film." in name for name, _ in exported.named_parameters())
