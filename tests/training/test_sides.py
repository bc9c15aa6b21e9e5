"""Images that grow while a network is trained: which size when, what it sees, and that a run resumes to the bit."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from PIL import Image
from torch import nn

from robustdial import record, run
from robustdial.cli import main
from robustdial.data import Crop, CropFlip, Relabelled, flip, load, to_learn_at
from robustdial.run.training_loop import training_loop
from robustdial.training.sides import Sides, parse_sides, stretches

ORDER = list(torch.arange(7))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("112:0.6,224", {0.0: 112, 0.59: 112, 0.6: 224, 1.0: 224}),
        ("96:0.25,128:0.75,224", {0.2: 96, 0.25: 128, 0.74: 128, 0.75: 224}),
        ("224:0.9,112", {0.0: 224, 0.9: 112}),
        ("64", {0.0: 64, 1.0: 64}),
    ],
)
def test_which_size_when(text, at):
    sides = parse_sides(text)
    assert {progress: sides(progress) for progress in at} == at
    assert sides.last == int(text.split(",")[-1])


@pytest.mark.parametrize(
    "text",
    [
        "112,224",
        "224:0.5",
        "112:0,224",
        "112:1,224",
        "112:0.6,128:0.6,224",
        "112:0.6:1,224",
        "0.6:112,224",
        "4:0.5,8",
        "x",
    ],
)
def test_sizes_that_cannot_be_meant_are_told_in_one_line(tmp_path, capsys, text):
    assert main.run(["train", "clean", "--size", text, "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"robustdial: --size {text} is no size of images (")
    assert "unpack" not in line
    assert line.endswith("Write 224, or 112:0.6,224 for 112 pixels until 0.6 of the training and 224 from then on.")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["10:0.6,12", "10:0.3,12:0.5,16", "10:0.01,12", "10:0.99,12", "10:0.5,12"])
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_the_size_of_a_batch_follows_from_its_place_alone(text, epochs):
    sides, whole = parse_sides(text), []
    for epoch in range(epochs):
        found = list(stretches(sides, ORDER, epoch, 0, epochs))
        assert torch.equal(torch.stack([index for stretch in found for index in stretch.order]), torch.arange(7))
        each = [(stretch.side, stretch.anew and n == 0) for stretch in found for n, _ in enumerate(stretch.order)]
        whole += each
        for first in range(1, 7):
            rest = list(stretches(sides, ORDER, epoch, first, epochs))
            assert [(s.side, s.anew and n == 0) for s in rest for n, _ in enumerate(s.order)] == each[first:]
    assert [side for side, _ in whole] == [sides(place / len(whole)) for place in range(len(whole))]
    changes = [False, *(one != other for (one, _), (other, _) in pairwise(whole))]
    assert [anew for _, anew in whole] == changes


@pytest.mark.parametrize("workers", [0, 1], ids=["in memory", "streamed"])
def test_images_to_learn_from_are_of_another_size(tmp_path, workers):
    generator = torch.Generator().manual_seed(0)
    for k in range(2):
        (tmp_path / "set" / str(k)).mkdir(parents=True)
        for n in range(20):
            noise = torch.randint(0, 256, (40, 32, 3), dtype=torch.uint8, generator=generator)
            Image.fromarray(noise.numpy()).save(tmp_path / "set" / str(k) / f"{n}.png")
    data = load(f"folder:{tmp_path}/set", size=32, workers=workers, labelled=20)
    small = to_learn_at(data, 16)
    assert small.shape == small.unlabelled.shape == (3, 16, 16)
    assert small.val is data.val
    assert small.augment == CropFlip(2)
    assert to_learn_at(data, 32) is to_learn_at(data, None) is data
    assert isinstance(small.unlabelled, Relabelled)
    for part, own in ((data.train, small.train), (data.unlabelled, small.unlabelled)):
        order = [torch.tensor([3, 1]), torch.tensor([0, 2])]
        for (x, y), (seen, label) in zip(part.batches(order), own.batches(order), strict=True):
            close = nn.functional.interpolate(x.float(), (16, 16), mode="bilinear", antialias=True)
            assert seen.dtype == torch.uint8
            inner = (seen - close)[:, :, 1:-1]  # the filter looks beyond the edge of what is cropped
            assert inner.abs().max() <= 1
            assert torch.equal(y, label)


@pytest.mark.parametrize(("augment", "half"), [(Crop(4), Crop(2)), (CropFlip(4), CropFlip(2)), (flip, flip)])
def test_a_shift_is_as_large_a_part_of_the_image(augment, half):
    data = load("digits", limit=40, size=16)
    assert to_learn_at(replace(data, augment=augment), 8).augment == half


KNOBS = {"free": {"eps": 0.1, "replays": 2}, "atta": {"eps": 0.1}}


def settings(out, **more):
    common = {"data": "digits", "limit": 100, "model_width": 4, "epochs": 2, "batch": 18, "precision": "float32"}
    return run.Run(out=str(out), **common | {"size": "8:0.3,16"} | more)


def finished(experiment):
    for _ in training_loop(experiment):
        pass
    return experiment


@pytest.mark.parametrize("recipe", KNOBS)
def test_a_run_resumes_to_the_bit_wherever_it_is_stopped(tmp_path, recipe):
    finished(run.start(recipe, KNOBS[recipe], settings(tmp_path / "whole")))
    whole = record.read_tensors(tmp_path / "whole" / record.LAST)
    assert record.read_run(tmp_path / "whole")["run"]["size"] == "8:0.3,16"
    assert record.read_run(tmp_path / "whole")["data"]["shape"] == [1, 16, 16]
    for batches in (2, 3, 6):  # of ten, three are small
        experiment = run.start(recipe, KNOBS[recipe], settings(tmp_path / str(batches)))
        for _ in zip(range(batches), training_loop(experiment), strict=False):
            pass
        experiment.save()
        again = record.read_tensors(finished(run.resume(experiment.folder)).folder / record.LAST)
        assert whole[0].keys() == again[0].keys()
        assert all(torch.equal(value, again[0][name]) for name, value in whole[0].items())


def test_the_network_learns_from_small_images_first(tmp_path):
    experiment, seen = run.start("clean", {}, settings(tmp_path / "run")), []
    experiment.state.model.register_forward_pre_hook(lambda net, given: seen.append(given[0].shape[-1]) or None)
    trained = []
    for _ in training_loop(experiment):
        trained.append(seen[0])
        seen.clear()
    assert trained == [8] * 3 + [16] * 7


def test_sides_go_into_a_loop_of_ones_own():
    from robustdial.models import build
    from robustdial.recipes import recipe
    from robustdial.training import TrainState, steps

    data = load("digits", limit=40, size=16)
    model, seen = build("cnn", classes=10, shape=(1, 16, 16), mean=[0.5], std=[0.5], width=4), []
    model.register_forward_pre_hook(lambda net, given: seen.append(given[0].shape[-1]) or None)
    state = TrainState.new(model)
    state.sides = Sides((8, 16), (0.5,))
    for _ in steps(state, data, recipe("clean")(), epochs=2, batch=18):
        pass
    assert seen == [8, 8, 16, 16]


def test_a_network_of_one_size_is_refused_before_a_folder_is_made(tmp_path, capsys):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(256, 10))\n"
    )
    argv = ["train", "clean", "--data", "digits", "--limit", "40", "--model", f"{tmp_path}/net.py:build"]
    assert main.run([*argv, "--size", "8:0.5,16", "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "images [1, 8, 8]" in line
    assert line.endswith("If they are to have one size, give one --size; or choose another --model or recipe.")
    assert not (tmp_path / "run").exists()
    assert main.run([*argv, "--size", "16", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
