"""The dial on networks that its author never saw: one table, and what must hold for each row."""

import copy

import pytest
import torch
from architectures import (
    HIDDEN,
    LAMBDAS,
    NARROW,
    REFUSED,
    SAMPLE,
    TABLE,
    THEIRS,
    WIDTHS,
    assert_close,
    dialed,
    images,
    plain,
    unsettled,
)

from robustdial.dial import dial


def unreached(model):
    """Parameters without a gradient."""
    return {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}


def parameters(model):
    return sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("name", THEIRS)
@torch.no_grad()
def test_a_new_dial_changes_nothing(name):
    net, x = plain(name), images(name)
    model = dial(net)
    assert not model.training
    for lam in LAMBDAS:
        assert_close(model.at(lam)(x), net(x))


@pytest.mark.parametrize("name", THEIRS)
@torch.no_grad()
def test_each_row_is_served_at_its_own_lambda(name):
    model, x = dialed(name), images(name)
    rows = torch.tensor([0, 0, 2, 5])
    (setting,) = model.settings(rows)
    mixed = model(x, setting)
    alone = [model.at(model.dials.lambdas[row])(x[i : i + 1]) for i, row in enumerate(rows)]
    assert_close(mixed, torch.cat(alone))
    assert (model.at(0.0)(x) - model.at(1.0)(x)).abs().max() > 1e-4, "the dial does not do anything"


@pytest.mark.parametrize("name", THEIRS)
def test_gradients_reach_what_they_reach_in_the_plain_network(name):
    net, model, x = copy.deepcopy(plain(name)).train(), copy.deepcopy(dialed(name)).train(), images(name)
    net(x).square().sum().backward()
    (setting,) = model.settings(torch.tensor([0, 0, 2, 5]))
    model(x, setting).square().sum().backward()
    assert not unreached(net)
    assert not unreached(model)


@pytest.mark.parametrize("name", THEIRS)
@torch.no_grad()
def test_bake_equals_at(name):
    net, model, x = plain(name), dialed(name), images(name)
    for lam in LAMBDAS:
        baked = model.bake(lam)
        assert_close(baked(x), model.at(lam)(x))
    assert type(baked) is type(net)
    state = baked.state_dict()
    assert state.keys() - net.state_dict().keys() == TABLE[name].gains
    assert net.state_dict().keys() <= state.keys()
    if not TABLE[name].gains:
        fresh = TABLE[name].build().eval()
        fresh.load_state_dict(state)
        assert torch.equal(fresh(x), baked(x))


@pytest.mark.parametrize("name", THEIRS)
@torch.no_grad()
def test_the_state_travels(name):
    model, x = dialed(name), images(name)
    other = dial(plain(name))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.at(0.3)(x), model.at(0.3)(x))


@pytest.mark.parametrize("name", NARROW)
def test_half_width(name):
    check_widths(name, dial(plain(name), WIDTHS, example=images(name)))


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_layers_can_be_narrow_where_the_network_cannot(name):
    end = TABLE[name].hidden
    check_widths(name, dial(plain(name), WIDTHS, slim=lambda layer, _: layer.endswith(end), example=images(name)))


def check_widths(name, model):
    x, model = images(name), unsettled(model).eval()
    with torch.no_grad():
        for width in WIDTHS.widths:
            baked = model.bake(0.4, width)
            assert_close(baked(x), model.at(0.4, width)(x))
            if width < 1:
                assert parameters(baked) < parameters(plain(name))
    model.train()
    for setting in model.settings(torch.tensor([0, 0, 2, 5])):
        model(x, setting).square().sum().backward()
    assert not unreached(model)


@pytest.mark.parametrize("name", REFUSED)
@torch.no_grad()
def test_a_refusal_of_half_width_names_the_layer(name):
    net, x = plain(name), images(name)
    with pytest.raises(ValueError, match=r"cannot run at width 0\.5: .*slim=") as refusal:
        dial(net, WIDTHS, example=x)
    assert TABLE[name].refused in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert_close(dial(net, example=x).at(0.4)(x), net(x))


@pytest.mark.parametrize("name", SAMPLE)
@torch.no_grad()
def test_turning_the_dial_recompiles_nothing(name):
    model, x, graphs = dialed(name), images(name), []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    call = torch.compile(model, backend=backend)
    for lam in LAMBDAS:
        setting = model.setting(lam)
        assert_close(call(x, setting), model(x, setting))
    assert len(graphs) == 1


@pytest.mark.parametrize("name", SAMPLE)
@torch.no_grad()
def test_baked_and_served_networks_can_be_exported(name):
    model, x = dialed(name), images(name)
    for f in (model.bake(0.3), model.at(0.3)):
        assert_close(torch.export.export(f, (x,)).module()(x), model.at(0.3)(x))


@torch.no_grad()
def test_a_narrow_baked_network_can_be_exported():
    name = "mobilenet_v3"
    model, x = unsettled(dial(plain(name), WIDTHS, example=images(name))).eval(), images(name)
    assert_close(torch.export.export(model.bake(0.3, 0.5), (x,)).module()(x), model.at(0.3, 0.5)(x))
