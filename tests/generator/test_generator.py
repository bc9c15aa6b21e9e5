"""A small generator learns, resumes to the bit, and says in one line what is wrong."""

from dataclasses import replace

import pytest
import torch

from robustdial import build, clean, fit, record
from robustdial.cli.main import run
from robustdial.data import load, unit
from robustdial.generator import (
    LEVELS,
    GeneratorRun,
    StyleGenerator,
    energy_score,
    open_generator,
    resume_generator,
    start_generator,
)
from robustdial.training.engine import TrainState

SMALL = GeneratorRun(epochs=6, batch=32, width=4, latent=16, lr=3e-3)
TINY = GeneratorRun(epochs=2, batch=16, width=4, latent=8, limit=64)


def trained(folder, settings):
    workshop = start_generator(folder, settings)
    for _ in workshop.train():
        pass
    return workshop


def weights(workshop):
    return {
        f"{who}.{name}": value.clone()
        for who in ("generator", "critic", "average")
        for name, value in getattr(workshop.state, who).state_dict().items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a generator of digits."""
    torch.manual_seed(0)
    return trained(tmp_path_factory.mktemp("generator") / "g", SMALL).folder


def test_a_generator_learns_digits(folder):
    epochs = record.read_epochs(folder)
    assert epochs[-1]["pixels"] < 0.7 * epochs[0]["pixels"]
    assert epochs[-1]["codes"] < epochs[0]["codes"]
    assert (folder / record.SAMPLES).read_bytes().startswith(b"\x89PNG")


def test_samples_are_of_their_class(folder):
    data, net = load("digits"), open_generator(folder)
    judge = build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    for _ in fit(TrainState.new(judge, lr=0.1), data, clean(), epochs=8, batch=64):
        pass
    y = torch.arange(10).repeat(20)
    made = net.sample(y, torch.Generator().manual_seed(0))
    assert made.min() >= 0 and made.max() <= 1
    assert (judge.eval()(made).argmax(1) == y).float().mean() > 0.3  # chance is 0.1


def test_encoded_images_come_back(folder):
    data, net = load("digits"), open_generator(folder)
    x, _ = next(data.test.batches([torch.arange(100)]))
    x = unit(x)
    error = (net.decode(net.encode(x)) - x).abs().mean()
    assert error < 0.8 * (x.mean(0) - x).abs().mean()


def test_each_level_moves_the_image_alone():
    net = StyleGenerator((1, 28, 28), 10, width=4, latent=8)
    x = torch.rand(2, 1, 28, 28)
    codes = net.encode(x)
    for level in net.levels:
        moved = net.decode(codes | {level: codes[level] + 0.5})
        assert (moved - net.decode(codes)).abs().amax((1, 2, 3)).min() > 1e-4


def test_noise_left_out_is_no_noise():
    net = StyleGenerator((3, 12, 16), 10, width=4, latent=8)
    codes = net.encode(torch.rand(2, 3, 12, 16))
    styles = {level: codes[level] for level in LEVELS}
    torch.testing.assert_close(net.decode(styles), net.decode(codes))


def test_another_unit_of_the_styles_gives_the_same_images():
    net = StyleGenerator((1, 8, 8), 10, width=4, latent=8)
    x = torch.rand(16, 1, 8, 8)
    before = net.decode(net.encode(x))
    net.follow(net.read(x), 1.0)
    torch.testing.assert_close(net.decode(net.encode(x)), before)
    torch.testing.assert_close(net.encode(x)["fine"].std(0), torch.ones(16))


def test_the_energy_score_is_least_for_the_true_distribution():
    w = torch.randn(4000, 1, 2)

    def score(scale):
        return energy_score(w, scale * torch.randn_like(w), scale * torch.randn_like(w))

    assert score(1.0) < min(score(0.0), score(0.5), score(2.0))


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_resumed_training_is_the_same_to_the_bit(tmp_path, stop):
    whole = weights(trained(tmp_path / "whole", TINY))
    cut = start_generator(tmp_path / "cut", TINY)
    for number, _ in enumerate(cut.train(), start=1):
        if number == stop:
            cut.save()
            break
    torch.manual_seed(1)
    again = resume_generator(tmp_path / "cut")
    for _ in again.train():
        pass
    for name, value in weights(again).items():
        assert torch.equal(value, whole[name]), name
    once, twice = (
        [epoch | {"seconds": 0} for epoch in record.read_epochs(tmp_path / name)] for name in ("whole", "cut")
    )
    assert once == twice


def test_a_training_can_go_on_for_longer_from_the_command_line(tmp_path, capsys):
    out = str(tmp_path / "g")
    words = ["--batch", "16", "--width", "4", "--latent", "8", "--limit", "64", "--out", out, "--device", "cpu"]
    assert run(["generator", "--epochs", "1", *words]) == 0
    assert run(["generator", "--resume", "--epochs", "2", "--out", out]) == 0
    assert [epoch["epoch"] for epoch in record.read_epochs(tmp_path / "g")] == [1, 2]
    capsys.readouterr()
    for wrong, told in (
        ([*words], "already holds a generator"),
        (["--resume", "--width", "8", "--out", out], "has width = 4, not 8"),
        (["--resume", "--width", "16", "--out", out], "has width = 4, not 16"),  # its default, and yet another
        (["--resume", "--out", f"{out}x"], "There is no generator in"),
        (["--size", "9", "--out", f"{out}x"], "cannot be halved twice. Give --size 12"),
        (["--epochs", "0", "--out", f"{out}x"], "--epochs 0 is not positive"),
        (["--batch", "1", "--out", f"{out}x"], "too small"),
    ):
        assert run(["generator", *wrong]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1


def test_images_of_another_shape_are_refused():
    net = StyleGenerator((1, 8, 8), 10, width=4)
    with pytest.raises(ValueError, match="makes images of 1x8x8, these are 3x8x8"):
        net.encode(torch.rand(1, 3, 8, 8))


def test_a_checkpoint_of_another_generator_is_refused(tmp_path):
    trained(tmp_path / "g", TINY)
    about = record.read_json(tmp_path / "g" / record.GENERATOR)
    record.write_json(tmp_path / "g" / record.GENERATOR, about | {"run": about["run"] | {"width": 8}})
    with pytest.raises(ValueError, match="not of this generator"):
        resume_generator(tmp_path / "g")


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    workshop = start_generator(tmp_path / "g", replace(TINY, lr=1e30))
    with pytest.raises(FloatingPointError, match="lower --lr"):
        for _ in workshop.train():
            pass
