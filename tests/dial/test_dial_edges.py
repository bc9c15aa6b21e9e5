"""Networks at the edge of what can be dialed: they are served right, or refused in words."""

import pickle

import pytest
import torch
from torch import nn

from robustdial.dial import CosineFunction, Dials, Line, OneHot, dial
from robustdial.record import fingerprint
from robustdial.training.checkpoint import load_weights, restore, save
from robustdial.training.engine import TrainState

X = torch.rand(5, 3, 8, 8)


def network(norm=None):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        norm or nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


def shaken(model):
    """The model with every weight and statistic moved, as training would."""
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point() and value.numel() > 5:
                value.add_(0.3 * torch.rand_like(value))
    return model.eval()


def test_a_fused_activation_with_weights_is_one_for_both_branches():
    timm = pytest.importorskip("timm.layers")
    norm = timm.BatchNormAct2d(8, act_layer=nn.PReLU)
    model = dial(network(norm), Dials((0, 1)))
    model(X, model.settings(torch.tensor([0, 0, 1, 1, 1]))[0]).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    with torch.no_grad():
        next(step for step in model.modules() if isinstance(step, nn.PReLU)).weight.fill_(0.7)
    shaken(model)
    for lam in (0.0, 0.4, 1.0):
        torch.testing.assert_close(model.bake(lam)(X), model.at(lam)(X), rtol=1e-5, atol=1e-5)


def test_weights_that_a_hook_computes_are_not_cut():
    with pytest.raises(ValueError, match=r"layer '0' .* no ordinary convolution"):
        dial(spectral(), Dials((0, 1), (0.5, 1)), example=X)


def spectral():
    net = network()
    nn.utils.spectral_norm(net[0])
    return net


def test_a_layer_that_takes_the_sequence_for_the_batch_is_refused_at_any_length():
    class SequenceFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.fc = nn.LayerNorm(6), nn.Linear(6, 4)

        def forward(self, x):  # [B, 2, 6]
            return self.fc(self.norm(x.transpose(0, 1)).mean(0))

    with pytest.raises(ValueError, match="cannot follow the dial in layer 'norm'"):
        dial(SequenceFirst(), Dials((0, 1)), example=torch.rand(4, 2, 6))


def test_a_code_that_is_a_function_has_the_number_format_of_the_network():
    model = dial(network().double(), Dials((0, 1), encoding=CosineFunction())).eval()
    assert model.at(0.1)(X.double()).dtype == torch.float64


def test_a_served_network_is_exported_for_any_batch():
    model = shaken(dial(network(), Dials((0, 1))))
    for lam in (0.0, 0.3):
        served = model.at(lam)
        program = torch.export.export(served, (X,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        torch.testing.assert_close(program.module()(X[:3]), served(X[:3]))


def test_a_dialed_network_goes_through_a_file_and_comes_back():
    model = shaken(dial(network(), Dials((0, 1))))
    back = pickle.loads(pickle.dumps(model))
    assert torch.equal(back.at(0.4)(X), model.at(0.4)(X))
    assert back.dial is not model.dial
    assert all(layer.dial is back.dial for layer in back.modules() if hasattr(layer, "dial") and layer is not back)


def test_a_call_without_a_position_says_how_to_give_one():
    with pytest.raises(TypeError, match=r"model\.at\(lam\)"):
        dial(network(), Dials((0, 1)))(X)


def test_a_setting_that_data_parallel_cut_up_is_refused():
    model = dial(network(), Dials((0, 0.3, 0.6, 1)))
    setting = model.settings(torch.tensor([0, 0, 1, 2, 3]))[0]
    with pytest.raises(TypeError, match="DistributedDataParallel"):
        model(X[:3], setting._replace(codes=setting.codes[:2], rows=setting.rows[:3]))


OTHERS = {
    "other lambdas": lambda: dial(network(), Dials((0, 0.2, 1))),
    "another code": lambda: dial(network(), Dials((0, 0.5, 1), encoding=CosineFunction())),
    "a code of another kind": lambda: dial(network(), Dials((0, 0.5, 1), encoding=OneHot())),
    "a line": lambda: Line((0, 0.2, 1)).put_on(network()),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_another_dial_are_refused(name, tmp_path):
    other = OTHERS[name]()
    own = Line((0, 0.5, 1)).put_on(network()) if name == "a line" else dial(network(), Dials((0, 0.5, 1)))
    before = {key: value.clone() for key, value in own.state_dict().items()}
    with pytest.raises(ValueError, match=r"of another dial: .*(0\.2, 1|CosineFunction|OneHot)"):
        own.load_state_dict(other.state_dict())
    save(TrainState.new(other), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"another (dial|model)"):
        restore(TrainState.new(own), tmp_path / "other.safetensors")
    assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())


def test_weights_that_say_nothing_of_their_dial_are_taken(tmp_path):
    one, other = shaken(dial(network(), Dials((0, 1)))), dial(network(), Dials((0, 1))).eval()
    state = {name: value for name, value in one.state_dict().items() if name != "described"}
    load_weights(other, {f"model.{name}": value for name, value in state.items()})
    assert torch.equal(other.at(0.3)(X), one.at(0.3)(X))
    assert fingerprint(state) == fingerprint(one.state_dict())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_position_follows_its_network_into_another_type(dtype):
    model = shaken(dial(network(), Dials((0, 0.3, 1)))).eval()
    served = model.at(0.15)
    served(X)
    model.to(dtype)
    found = served(X.to(dtype))
    assert found.dtype == dtype
    if dtype == torch.float64:  # but for the rounding of its code
        torch.testing.assert_close(found, model.at(0.15)(X.double()), rtol=1e-3, atol=1e-3)


def test_what_is_made_in_inference_mode_can_be_trained():
    plain = network()
    with torch.inference_mode():
        model = dial(plain, Dials((0, 1)))
        baked = model.bake(0.5)
    for made in (model.at(0.5), baked.train()):
        made(X).sum().backward()
    assert all(weight.grad is not None for weight in baked.parameters())


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_a_traced_layer_gets_weights_of_its_own():
    plain = network()
    plain[5] = torch.jit.trace(plain[5], torch.rand(2, 8))
    plain[5].weight.requires_grad_(False)
    model = dial(plain, Dials((0, 1)))
    assert all(weight.is_leaf for weight in model.parameters())
    assert [weight.requires_grad for weight in model.body[5].parameters()] == [False, True]
