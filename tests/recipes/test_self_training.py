"""Learning from images without labels: which they are, who labels them, how they come into a batch."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image

from robustdial import record, run
from robustdial.cli import main
from robustdial.data import Batch, Feed, Relabelled, Resident, from_tensors, load, without_labels
from robustdial.data.feed import mixed_order
from robustdial.data.pseudo import pseudo_labelled
from robustdial.dial import Fixed
from robustdial.method.game import Game
from robustdial.method.objective import AT
from robustdial.method.solver import WorstOf
from robustdial.method.threat import Linf
from robustdial.recipes import pgd_at, rst
from robustdial.report import render
from robustdial.run.training_loop import training_loop
from robustdial.training.engine import TrainState, fit

SMALL = {"model_width": 4, "limit": 400, "labelled": 100, "epochs": 2, "batch": 64, "precision": "float32"}


def settings(out, **more):
    return run.Run(**(SMALL | more), out=str(out))


def finish(experiment):
    for _ in training_loop(experiment):
        pass
    return experiment


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """The folder of a standard network of the labelled images."""
    folder = tmp_path_factory.mktemp("teacher") / "standard"
    finish(run.start("clean", {"eps": 0.2}, settings(folder, epochs=6)))
    return folder


def test_as_many_labels_of_each_class_are_kept_and_the_others_forgotten():
    data, whole = load("digits", limit=400, labelled=100), load("digits", limit=400)
    assert data.train.labels.bincount().tolist() == [10] * 10
    assert (len(data.unlabelled), len(data.val), len(data.test)) == (260, len(whole.val), len(whole.test))
    assert (data.unlabelled.labels == -1).all()
    (_, labels), *_ = data.unlabelled.batches([torch.arange(260)])
    assert (labels == -1).all()
    together = [next(part.batches([torch.arange(len(part))]))[0] for part in (data.train, data.unlabelled, whole.train)]
    assert torch.equal(torch.cat(together[:2]).flatten(1).unique(dim=0), together[2].flatten(1).unique(dim=0))


def test_pictures_of_a_folder_need_no_classes(tmp_path):
    for name in ("a.png", "deep/er/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), "white").save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    data = load("digits", unlabelled=f"folder:{tmp_path}")
    assert (len(data.unlabelled), data.unlabelled.shape) == (2, data.shape)
    with pytest.raises(ValueError, match="cannot be their own"):
        load(f"folder:{tmp_path}/deep/", unlabelled=f"folder:{tmp_path / 'deep'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no images"):
        load("digits", unlabelled=f"folder:{tmp_path / 'empty'}")


def test_a_batch_has_its_share_in_random_rows_and_an_epoch_all_images():
    kinds = [(30, 15), (170, 5)]
    order = mixed_order(kinds, 10, seed=1, epoch=0)
    rows = torch.stack(order)
    assert rows.shape == (10, 20)
    assert ((rows >= 30).sum(1) == 5).all()
    labelled, others = rows[rows < 30], rows[rows >= 30]
    assert labelled.bincount().tolist() == [5] * 30
    assert len(others.unique()) == 50
    assert 0.1 < (rows[:, :10] >= 30).float().mean() < 0.4
    again, later = mixed_order(kinds, 10, 1, 0), mixed_order(kinds, 10, 1, 1)
    assert torch.equal(torch.stack(again), rows)
    assert not torch.equal(torch.stack(later), rows)
    assert mixed_order([(3, 3), (4, 4)], 1, 0, 0)[0].shape == (7,)


def numbered(n=12):
    """Images whose pixels are their number, in hundredths; labels 0 and 1 by turns."""
    x = (torch.arange(n) / 100)[:, None, None, None].expand(n, 1, 4, 4).clone()
    return x, torch.arange(n) % 2


def test_rows_keep_their_image_their_label_and_where_it_is_from():
    data = from_tensors(numbered(), numbered(), val=0)
    bytes_of = torch.full((8, 1, 4, 4), 255, dtype=torch.uint8)
    data = replace(data, unlabelled=Relabelled(Resident(bytes_of, torch.zeros(8).long()), torch.full((8,), 1)))
    feed = Feed(data, 0.5)
    order = feed.order(6, 0, 0)
    for index, batch in zip(order, feed.batches(order), strict=True):
        x, y, guessed = batch.x, batch.y, batch.pseudo_labelled
        assert guessed.sum() == 3
        assert (x[guessed] == 1).all()
        assert (y[guessed] == 1).all()
        torch.testing.assert_close(x[~guessed][:, 0, 0, 0], index[~guessed] / 100)
        assert torch.equal(y[~guessed], index[~guessed] % 2)


def test_a_loop_of_ones_own_names_what_is_missing():
    data = from_tensors(numbered(), numbered(), val=0)
    state = TrainState.new(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)))
    with pytest.raises(ValueError, match="unlabelled images too, and there are none"):
        next(fit(state, data, rst(steps=1), epochs=1, batch=4))
    data = replace(data, unlabelled=without_labels(data.test))
    with pytest.raises(ValueError, match=r"Call pseudo_labelled\(data, teacher\)"):
        next(fit(state, data, rst(steps=1), epochs=1, batch=4))
    with pytest.raises(ValueError, match="there are 2 classes"):
        pseudo_labelled(data, torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3)))
    taught = pseudo_labelled(data, state.model)
    assert state.model.training  # as it was before
    x, _ = next(data.test.batches([torch.arange(12)]))
    assert torch.equal(taught.unlabelled.labels, state.model(x).argmax(1))
    (epoch,) = fit(state, taught, rst(steps=1), epochs=1, batch=4)
    assert epoch["images"] == 24
    (epoch,) = fit(TrainState.new(state.model), taught, pgd_at(steps=1), epochs=1, batch=4)
    assert epoch["images"] == 12


def test_the_worst_of_several_is_kept():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    x, y = torch.rand(5, 1, 4, 4), torch.arange(5) % 2
    game = Game(net, Fixed().seats(net, net, x)[0], Batch(x, y), Linf(0.3), AT())
    torch.manual_seed(1)
    game.threat.noise(x, 1.0, 0.0)  # where it begins
    drawn = torch.stack([game.threat.noise(x, 1.0, 1.0) for _ in range(6)])
    losses = torch.stack([torch.nn.functional.cross_entropy(net(x + z), y, reduction="none") for z in drawn])
    torch.manual_seed(1)
    (point,) = WorstOf().play(game, 7, {})
    assert torch.equal(point.z, drawn[losses.argmax(0), torch.arange(5)])
    (still,) = WorstOf().play(game, 1, {})
    assert (still.z == 0).all()


@pytest.mark.parametrize(("recipe", "killed_after"), [("rst", 2), ("rst", 5), ("rst-oat", 8)])
def test_a_killed_run_ends_with_the_same_bits_though_its_teacher_is_gone(tmp_path, teacher, recipe, killed_after):
    gone = tmp_path / "teacher"
    shutil.copytree(teacher, gone)
    knobs = {"eps": 0.2, "steps": 1}
    whole = finish(run.start(recipe, knobs, settings(tmp_path / "whole", teacher=str(gone))))
    broken = run.start(recipe, knobs, settings(tmp_path / "broken", teacher=str(gone)))
    for number, _ in enumerate(training_loop(broken), start=1):
        if number == killed_after - 1:
            broken.save()
        if number == killed_after:
            break
    shutil.rmtree(gone)
    resumed = finish(run.resume(broken.folder))
    (a, _), (b, _) = (record.read_tensors(each.folder / record.LAST) for each in (whole, resumed))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert run.trained(resumed.folder).checkpoint == "best"


def test_only_methods_of_self_training_see_unlabelled_images(tmp_path, teacher):
    data = run.data_of(settings(tmp_path))
    images = {}
    for recipe in ("pgd-at", "rst"):
        experiment = run.start(recipe, {}, settings(tmp_path / recipe, teacher=str(teacher)), data)
        images[recipe] = (experiment.feed.images, experiment.about["data"].get("unlabelled"), experiment.batches)
    assert images == {"pgd-at": (100, None, 1), "rst": (360, 260, 5)}
    labels = record.read_tensors(tmp_path / "rst" / record.PSEUDO)[0]["labels"]
    f, (x, _) = run.open_model(teacher), next(data.unlabelled.batches([torch.arange(260)]))
    assert torch.equal(labels, f(x.float() / 255).argmax(1))
    assert (tmp_path / "rst" / record.PSEUDO).exists() and not (tmp_path / "pgd-at" / record.PSEUDO).exists()


def test_a_dialed_teacher_answers_at_its_clean_end(tmp_path):
    dialed = finish(run.start("oat", {"eps": 0.2, "steps": 1}, settings(tmp_path / "oat", epochs=1)))
    student = run.start("rst", {}, settings(tmp_path / "rst", teacher=str(dialed.folder)))
    f, (x, _) = run.open_model(dialed.folder).at(0.0), next(student.data.unlabelled.batches([torch.arange(260)]))
    assert torch.equal(student.data.unlabelled.labels, f(x.float() / 255).argmax(1))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["rst"], "--labelled 4000 keeps so many labels"),
        (["rst", "--labelled", "100"], "give its folder as --teacher"),
        (["rst", "--labelled", "100", "--teacher", "/no/such/run"], "/no/such/run is not a run folder"),
        (["rst", "--labelled", "100", "--seed", "1"], "made with seed 0, so it may have learned from labels"),
        (["rst", "--labelled", "200"], "made with labelled 100"),
        (["rst", "--labelled", "100", "--size", "16"], "Give a run with the same classes and shape"),
        (["rst", "--labelled", "9"], "at least one for each class"),
        (["rst", "--labelled", "360"], "fewer than all"),
        (["rst", "--labelled", "100", "--unlabelled", "mnist"], "Give one of them"),
        (["rst", "--unlabelled", "digits"], "cannot be their own unlabelled part"),
        (["rst", "--unlabelled", "folder:/no/such/folder"], "/no/such/folder"),
        (["rst", "--labelled", "100", "--unlabelled-share", "1"], "not a share of a batch"),
        (["rst", "--labelled", "100", "--clean-weight", "1"], "clean_weight=1"),
    ],
)
def test_wrong_input_is_told_in_a_line(tmp_path, teacher, argv, words, capsys):
    about = ["--limit", "400", "--model-width", "4", "--out", str(tmp_path / "out")]
    given = [] if "--teacher" in argv or words.endswith("--teacher") else ["--teacher", str(teacher)]
    assert main.run(["train", *argv, *about, *given]) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_from_the_command_line_to_the_page(tmp_path, teacher):
    shared = ["--limit", "400", "--labelled", "100", "--model-width", "4", "--epochs", "1", "--teacher", str(teacher)]
    folder = tmp_path / "compared"
    asked = ["compare", "pgd-at:steps=1", "rst:steps=1", "--eps", "0.2", *shared, "--attack", "pgd-1", "--n", "20"]
    assert main.run([*asked, "--out", str(folder)]) == 0
    rows = json.loads((folder / "compare.json").read_text())["rows"]
    assert [row["complete"] for row in rows] == [True, True]
    page = render(folder / "rst-steps=1-seed0").read_text()
    assert "100 labelled, 260 unlabelled" in page
    assert str(teacher) in page
    assert main.run(["train", "rst-spatial", "--draws", "2", *shared, "--out", str(tmp_path / "turned")]) == 0
    assert main.run([*asked, "--seeds", "2", "--out", str(tmp_path / "seeds")]) == 2
    assert main.run(["compare", "pgd-at", "rst", "--labelled", "100", "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()
