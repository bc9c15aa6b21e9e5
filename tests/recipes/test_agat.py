"""AGAT: attributes through decoders, an ascent now and then, and what was found in between."""

from dataclasses import replace
from functools import cache
from importlib.util import find_spec

import pytest
import torch
from torch.nn import functional as F

from robustdial import restore, save
from robustdial.attack import PGDAttack, WorstOf
from robustdial.cli.main import run as command
from robustdial.data import Batch, Origin, from_tensors, none
from robustdial.dial import Fixed
from robustdial.evaluate import warps
from robustdial.method import Method
from robustdial.method.game import Game
from robustdial.method.objective import AT, Blend, Guided
from robustdial.method.objective.guided import disagreement
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Generated, Step
from robustdial.method.threat import Blur, Box, Brightness, Chain, Contrast, Function, Hue, Noise, Warp
from robustdial.method.threat.noise import white
from robustdial.models import build
from robustdial.recipes import agat, agat_corruptions, agat_oat, random_attributes
from robustdial.training.engine import TrainState, fit, steps
from robustdial.training.rate import cosine

needs_kornia = pytest.mark.skipif(
    find_spec("kornia") is None, reason="kornia is not there: pip install '.[attributes]'"
)
MOVES = Box(Warp(30, 0.2, 0.3, 0.2))


def bars(n=48):
    """Upright and level bars on 8 x 8 pixels."""
    y, at = torch.arange(n) % 2, torch.arange(n) // 2 % 4 + 2
    x = torch.zeros(n, 1, 8, 8)
    x[torch.arange(n), 0, :, at] = 1
    return torch.where(y[:, None, None, None] == 1, x.mT, x), y


def data(val=0.0):
    return from_tensors(bars(), bars(20), val=val, augment=none)


def network(width=4):
    return build("cnn", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=width)


def state_of(method):
    torch.manual_seed(3)
    model = network()
    return TrainState.new(method.dial.put_on(model), lr=0.05, rate=cosine)


def game(model, method, index=None, x=None, y=None):
    x, y = bars(12) if x is None else (x, y)
    (seat,) = Fixed().seats(model, model, x)
    place = Origin(torch.arange(len(x)) if index is None else index, 40, none.draw(x))
    return Game(model, seat, Batch(x, y, place), method.threat, method.objective)


# decoders


def test_a_warp_is_one_affine_map():
    """Against PyTorch's affine_grid with the inverse of the map, composed by hand."""
    x, z = torch.rand(6, 3, 9, 9), torch.rand(6, 5) * 2 - 1
    warp = Warp(40, 0.2, 0.4, 0.3)
    angle, skew, size = z[:, 0] * 40 * torch.pi / 180, 0.4 * z[:, 3], 1.3 ** z[:, 4]
    maps = []
    for a, k, s, shift in zip(angle, skew, size, 0.4 * z[:, 1:3], strict=True):
        turn = torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]])
        forward = turn * s @ torch.tensor([[1, k], [0, 1]])
        back = forward.inverse()
        maps.append(torch.cat([back, -(back @ shift)[:, None]], dim=1))
    grid = F.affine_grid(torch.stack(maps), list(x.shape), align_corners=False)
    torch.testing.assert_close(warp(x, z), F.grid_sample(x, grid, align_corners=False), atol=1e-5, rtol=0)


def test_shapes_stay_in_wide_images():
    """A quarter turn of a centred square moves nothing, whatever is around it."""
    x = torch.zeros(1, 1, 8, 20)
    x[..., 2:6, 8:12] = 1
    turned = Warp(90, 0)(x, torch.tensor([[1.0, 0, 0, 0, 0]]))
    torch.testing.assert_close(turned, x, atol=1e-5, rtol=0)


def test_noise_is_white_normal_and_differs_between_patterns():
    numbers = white(torch.linspace(-1, 1, 50), 4000)
    assert numbers.mean().abs() < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert abs((numbers**4).mean() - 3) < 0.1
    assert (torch.corrcoef(numbers) - torch.eye(50)).abs().max() < 0.1
    assert abs(torch.corrcoef(torch.stack([numbers[:, 1:].flatten(), numbers[:, :-1].flatten()]))[0, 1]) < 0.01
    assert torch.equal(white(torch.tensor([0.25]), 100), white(torch.tensor([0.1, 0.25]), 100)[1:])


def test_an_ascent_keeps_the_pattern_and_a_start_draws_another():
    threat, x = Box(Chain((Brightness(), Noise()))), torch.rand(5, 1, 8, 8)
    z = threat.noise(x, 1.0, 1.0)
    assert len(z[:, 2].unique()) == 5
    moved = threat.project(threat.ascend(z, torch.ones_like(z), 0.5), x, 1.0)
    assert torch.equal(moved[:, 2], z[:, 2])
    assert (moved[:, :2] > z[:, :2]).any()
    assert torch.equal(threat.apply(x, z), threat.apply(x, z))


@needs_kornia
def test_light_is_that_of_kornia():
    from kornia.enhance import adjust_brightness, adjust_contrast

    x, z = torch.rand(4, 1, 6, 6), torch.rand(4, 1) * 2 - 1
    torch.testing.assert_close(Brightness(0.3)(x, z), adjust_brightness(x, 0.3 * z[:, 0]))
    black = x - x.mean((2, 3), keepdim=True)  # its contrast stretches from black, ours from the mean
    ours = Contrast(0.5)(0.5 + 0.1 * black, z) - 0.5
    torch.testing.assert_close(ours, adjust_contrast(0.1 * black, 1 + 0.5 * z[:, 0], clip_output=False))


@needs_kornia
def test_blur_is_a_bell_and_hue_turns_colours():
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 4] = 1
    bell = torch.exp(-(torch.arange(-4.0, 5) ** 2) / 2)
    wanted = torch.outer(bell, bell) / bell.sum() ** 2
    torch.testing.assert_close(Blur(1.0)(x, torch.ones(1, 1))[0, 0], wanted, atol=2e-3, rtol=0)  # cut off at three
    red = torch.tensor([1.0, 0, 0]).reshape(1, 3, 1, 1)
    green = Hue(1 / 3)(red, torch.ones(1, 1)).flatten()
    torch.testing.assert_close(green, torch.tensor([0.0, 1, 0]), atol=1e-5, rtol=0)
    grey = torch.rand(2, 1, 4, 4)
    assert torch.equal(Hue()(grey, torch.ones(2, 1)), grey)


@pytest.mark.parametrize("decode", [Blur(), Hue()])
def test_a_missing_library_is_named_with_its_extra(decode, monkeypatch):
    monkeypatch.setattr(
        "robustdial.method.threat.library.import_module", lambda name: (_ for _ in ()).throw(ImportError)
    )
    with pytest.raises(ValueError, match=r"pip install 'robustdial\[attributes\]'"):
        decode(torch.rand(1, 3, 4, 4), torch.ones(1, 1))


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: Warp(0, 0), ValueError, "does not move"),
        (lambda: Warp(30, 0, skew=-0.1), ValueError, "skew=-0.1 is negative"),
        (lambda: Blur(0), ValueError, "blur=0"),
        (lambda: Noise(2), ValueError, "at most 1"),
        (lambda: Hue(0.7), ValueError, "at most 0.5"),
        (lambda: Contrast(float("nan")), ValueError, "amount=nan is not finite"),
        (lambda: Chain(()), ValueError, "at least one"),
        (lambda: Chain((torch.sin,)), TypeError, "Wrap it"),
        (lambda: Function(torch.add, ()), ValueError, "at least one attribute"),
        (lambda: Function(torch.add, ("a", "b"), (0.0,)), ValueError, "as many lows"),
        (lambda: agat(degrees=0, shift=0, skew=0), ValueError, "Every attribute is 0"),
        (lambda: agat(ascending=2), ValueError, "share=2"),
        (lambda: agat(every=0), ValueError, "at least 1 visit"),
        (lambda: agat(steps=-1), ValueError, "steps=-1 is out of range"),
        (lambda: agat(c=-1), ValueError, "c=-1"),
        (lambda: agat(share=2), ValueError, "share=2"),
    ],
)
def test_wrong_input_is_named(make, error, told):
    with pytest.raises(error, match=told):
        make()


# what the adversary wants


def test_the_adversarys_loss_is_the_papers():
    """Term by term, as `MSELoss`, `L1Loss` and `BCELoss` give them for one image."""
    c, objective = 0.7, Guided(Blend(0.5), 0.7)
    model = network().eval()
    method = Method(MOVES, PGD(Step(0.1)), Constant(1), objective)
    played = game(model, method)
    z = MOVES.noise(played.batch.x, 1.0, 1.0)
    point = played.open().at(z)
    clean, adv = model(played.batch.x), model(MOVES.apply(played.batch.x, z))
    for i, got in enumerate(objective.attack(point)):
        want = F.cross_entropy(adv[i], played.batch.y[i]) + F.binary_cross_entropy(
            adv[i].softmax(0), clean[i].softmax(0)
        )
        held = F.mse_loss(adv[i].sigmoid(), clean[i].sigmoid())
        held = held + F.mse_loss(z[i], torch.zeros(5)) + F.l1_loss(z[i], torch.zeros(5))
        torch.testing.assert_close(got, want - c * held)


def test_disagreement_stays_finite():
    sure = torch.tensor([[1e4, -1e4]])
    wrong = (-sure).requires_grad_()
    loss = disagreement(sure, wrong).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(wrong.grad).all()


@cache
def trained_network():
    torch.manual_seed(0)
    method = Method(MOVES, PGD(Step(0.1), noise=0.0), Constant(1), AT())
    state = TrainState.new(network(), lr=0.05)
    list(fit(state, data(), method, epochs=8, batch=16))
    return state.model.eval()


def test_the_ascent_ascends_and_c_holds_it_back():
    """From the same starts, the loss rises with the steps, and attributes stay smaller the larger c is."""
    model, losses, sizes = trained_network(), [], []
    for passes, c in ((1, 0.0), (6, 0.0), (6, 100.0)):
        method = Method(MOVES, Generated(Step(spread=1.0)), Constant(passes), Guided(AT(), c))
        played = game(model, method, None, *bars(40))
        torch.manual_seed(1)
        (point,) = method.solver.play(played, passes, {})
        losses.append(F.cross_entropy(point.adv, played.batch.y).item())
        sizes.append(point.z.abs().mean().item())
    assert losses[1] > 1.3 * losses[0]
    assert sizes[2] < 0.3 * sizes[0] < sizes[1]


# when


def visits(method, times, index=None):
    """What each of several visits of the same images shows."""
    model, memory = trained_network(), {}
    return [next(method.solver.play(game(model, method, index), 3, memory)).z.detach() for _ in range(times)], memory


def test_a_batch_costs_what_its_due_images_cost():
    """Every image is looked at once; of one that is due, the answer and two steps are forwarded too."""
    model, method, memory, spent = trained_network(), agat(every=2, ascending=1.0), {}, []
    for rows in ([0, 1, 2, 3], [0, 1, 4, 5], [0, 1, 2, 3]):
        x, y = bars(4)
        played = game(model, method, torch.tensor(rows), x, y)
        list(method.solver.play(played, 3, memory))
        spent.append(played.spent)
    assert spent == [4 + 4 * 3, 4 + 2 * 3, 4 + 2 * 3]


def test_what_was_found_is_shown_until_the_image_is_due_again():
    shown, memory = visits(agat(every=3, ascending=1.0), 7)
    for a, b in ((0, 1), (1, 2), (3, 4), (4, 5)):
        assert torch.equal(shown[a], shown[b])
    assert not torch.equal(shown[2], shown[3])
    assert not torch.equal(shown[5], shown[6])
    assert memory["visits"].tolist() == [7] * 12 + [0] * 28


def test_warped_test_images_are_warped_as_agat_trains_against():
    assert {trial.threat for trial in warps()} == {agat().threat}


def test_images_outside_the_share_are_another_each_time():
    shown, memory = visits(agat(every=9, ascending=0.5), 3)
    stays = (shown[0] == shown[1]).all(1)
    assert 0 < stays.sum() < 12
    assert torch.equal(memory["kept"][:12], stays)
    assert torch.equal(stays, (shown[1] == shown[2]).all(1))


def test_each_image_has_its_own_memory_whatever_the_batches():
    method, model, memory = agat(every=9, ascending=1.0), trained_network(), {}
    first, second = torch.tensor([5, 3, 8]), torch.tensor([8, 20, 5])
    x, y = bars(3)
    a = next(method.solver.play(game(model, method, first, x, y), 3, memory)).z.detach()
    b = next(method.solver.play(game(model, method, second, x, y), 3, memory)).z.detach()
    assert torch.equal(b[[0, 2]], a[[2, 0]])
    assert memory["visits"].nonzero().flatten().tolist() == [3, 5, 8, 20]


def test_without_steps_it_is_random_augmentation():
    """As `random_attributes` shows images, uniform in the box: what the authors' released loop comes down to."""
    for method in (agat(steps=0), random_attributes(), agat(ascending=0.0)):
        x, y = torch.rand(400, 1, 8, 8), torch.arange(400) % 2
        model = network().eval()
        (seat,) = Fixed().seats(model, model, x)
        place = Origin(torch.arange(400), 400, none.draw(x))
        played = Game(model, seat, Batch(x, y, place), method.threat, method.objective)
        z = next(method.solver.play(played, method.schedule.passes(None), {})).z.detach()
        assert (z.mean(0).abs() < 0.1).all()
        assert (z.std(0) - 3**-0.5).abs().max() < 0.05
        assert played.spent == 400  # the natural images, which the loss looks at first


@pytest.mark.parametrize("method", [agat(every=2, steps=2), agat_oat(every=2, steps=1, noise=0.1)], ids=["agat", "oat"])
def test_saved_in_mid_epoch_it_goes_on_to_the_same_bits(method, tmp_path):
    ends = []
    for stop in (False, True):
        state = state_of(method)
        torch.manual_seed(5)
        for step in steps(state, data(), method, epochs=3, batch=10):
            if stop and (step.epoch, step.batch) == (2, 2):
                save(state, tmp_path / "state.safetensors")
                state = state_of(method)
                restore(state, tmp_path / "state.safetensors")
                list(steps(state, data(), method, epochs=3, batch=10))
                break
        ends.append(state.model.state_dict() | state.memories[0])
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_what_cannot_be_placed_is_refused():
    method = agat()
    other = replace(data(), augment=lambda x: x.flip(-1))
    with pytest.raises(ValueError, match="Crop, flip, CropFlip or none"):
        next(fit(state_of(method), other, method, epochs=1, batch=10))


# in use


def test_what_moves_is_learned_and_more_than_by_chance():
    """The share of bars left right: after training on them as they are, moved at random, and moved by an adversary."""
    sets, left = from_tensors(bars(192), bars(20), augment=none), []
    for method in (Method(MOVES, PGD(Step(0.1), noise=0.0), Constant(1), AT()), random_attributes(), agat(steps=2)):
        state = state_of(method)
        list(fit(state, sets, replace(method, threat=MOVES), epochs=8, batch=16))
        left.append(standing(state.model.eval()))
    assert left[0] + 0.2 < left[1] <= left[2]


def standing(f):
    """The share of images that the worse of a worst of three and an ascent leaves right."""
    x, y = bars(40)
    torch.manual_seed(0)
    adversarial = [attack(f, x, y, MOVES) for attack in (WorstOf(3), PGDAttack(5))]
    return min((f(adv).argmax(1) == y).float().mean().item() for adv in adversarial)


@needs_kornia
def test_colour_images_train_against_corruptions():
    y = torch.arange(24) % 2
    x = (0.2 + 0.5 * y.float()[:, None, None, None] + 0.2 * torch.rand(24, 3, 8, 8)).clamp(0, 1)
    sets, method = from_tensors((x, y), (x, y), augment=none), agat_corruptions(steps=2, every=2)
    net = build("cnn", classes=2, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.5] * 3, width=4)
    losses = [epoch["loss"] for epoch in fit(TrainState.new(net, lr=0.05), sets, method, epochs=6, batch=12)]
    assert losses[-1] < losses[0]


def test_the_command_line_trains_measures_and_draws_it(tmp_path):
    words = ["train", "agat", "--data", "digits", "--limit", "200", "--model", "cnn", "--model-width", "4"]
    words += ["--epochs", "1", "--degrees", "20", "--shift", "0.1", "--steps", "1", "--out", str(tmp_path / "r")]
    assert command(words) == 0
    assert command(["frontier", str(tmp_path / "r"), "--attack", "worst-of-3", "--n", "30"]) == 0
    assert (tmp_path / "r" / "report.html").stat().st_size > 100_000
