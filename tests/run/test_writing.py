"""A run of a loop of one's own is a run folder; parts are written as text and read again."""

import json
from pathlib import Path

import pytest
import torch

import robustdial as rd
from robustdial import record
from robustdial.cli import main
from robustdial.evaluate import Accuracy, Measured
from robustdial.recipes import RECIPES, recipe
from robustdial.recipes.composed import composed, spell

EXTEND = Path(__file__).parents[2] / "examples" / "extend"


@pytest.fixture(scope="module")
def data():
    return rd.load("digits", limit=120)


def begun(data, method, width=2):
    plain = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=width)
    return rd.TrainState.new(plain if isinstance(method.dial, rd.Fixed) else rd.dial(plain, method.dial))


HAS_OTHERS = {"gat", "gat-oat"}  # their threats hold a network


@pytest.mark.parametrize("name", sorted(RECIPES.keys() - HAS_OTHERS))
def test_every_recipe_is_written_and_read(name):
    assert composed(spell(RECIPES[name]())) == RECIPES[name]()


@pytest.mark.parametrize("spelled", ['{"class": "os:system"}', '{"function": "robustdial.cli.main:nothing"}', "[1]"])
def test_nothing_else_is_read(spelled):
    with pytest.raises(ValueError, match=r"no part of a method|no method"):
        composed(spelled)


@pytest.fixture(scope="module")
def mine(data, tmp_path_factory):
    """A run of a method that is no recipe."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    method = rd.Method(rd.Linf(0.2), rd.PGD(rd.Step(0.1)), rd.Constant(2), rd.Blend(), rd.Dials(lambdas=(0.0, 1.0)))
    state = begun(data, method)
    with rd.writing(folder, method, data, state, model="cnn", model_width=2, limit=120) as run:
        for epoch in rd.fit(state, data, method, epochs=2, batch=32):
            line = run.add(epoch)
            assert line["loss"] == epoch["loss"] and state.model.training
    return folder, state


@pytest.mark.parametrize(
    "words",
    [
        "frontier {} --n 10 --attack pgd-1",
        "choose {} --n 10 --attack pgd-1 --refine 0 --clean-min 1%",
        "report {}",
        "bake {} --lam 1 --n 10 --attack pgd-1 --format safetensors",
        "evaluate {} --lam 1 --n 10 --attack pgd-1",
    ],
)
def test_a_written_run_is_opened_by_every_command(mine, words, capsys):
    assert main.run(words.format(mine[0]).split()) == 0


def test_it_holds_the_network_and_its_epochs(mine):
    folder, state = mine
    assert [epoch["epoch"] for epoch in record.read_epochs(folder)] == [1, 2]
    last, _ = record.read_tensors(folder / record.LAST)
    theirs = state.model.state_dict()
    assert all(torch.equal(last[f"model.{name}"], value) for name, value in theirs.items())
    assert rd.open_model(folder).dials.lambdas == (0.0, 1.0)


def test_the_loop_is_not_disturbed(data, tmp_path):
    method, losses = rd.fgsm(eps=0.2), []
    for write in (False, True):
        torch.manual_seed(0)
        state = begun(data, method)
        if not write:
            losses.append([epoch["loss"] for epoch in rd.fit(state, data, method, epochs=2, batch=32)])
            continue
        with rd.writing(tmp_path / "x", method, data, state, model="cnn", model_width=2, limit=120) as run:
            losses.append([run.add(epoch)["loss"] for epoch in rd.fit(state, data, method, epochs=2, batch=32)])
    assert losses[0] == losses[1]
    assert all(weight.is_contiguous() for weight in state.model.parameters())  # as they lay when they were built


def test_a_loop_of_batches_tells_its_loss_alone(data, tmp_path):
    method = rd.clean(eps=0.2)
    state = begun(data, method)
    with rd.writing(tmp_path / "x", method, data, state, model="cnn", model_width=2, limit=120) as run:
        for loss in (0.5, 0.25):
            run.add({"loss": loss})
    assert [(e["epoch"], e["loss"]) for e in record.read_epochs(tmp_path / "x")] == [(1, 0.5), (2, 0.25)]


def test_a_method_with_parts_of_ones_own_is_named_by_its_place(data, tmp_path):
    place = f"{EXTEND / 'solver.py'}:mi_at"
    method = recipe(place)()
    state = begun(data, method)
    with (
        pytest.raises(ValueError, match=r"recipe='file.py:mine'"),
        rd.writing(tmp_path / "x", method, data, state, model="cnn", model_width=2, limit=120),
    ):
        pass
    with rd.writing(tmp_path / "x", method, data, state, model="cnn", model_width=2, limit=120, recipe=place) as run:
        run.add({"loss": 1.0})
    assert json.loads((tmp_path / "x" / "run.json").read_text())["recipe"] == place


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"model_width": 4}, "builds another network"),
        ({"limit": 60}, "divided otherwise"),
        ({"model": "nothing"}, "There is no model"),
        ({"recipe": "trades"}, "another method"),
    ],
)
def test_what_could_not_be_opened_again_is_not_written(data, tmp_path, changed, told):
    method = rd.fgsm(eps=0.2)
    state = begun(data, method)
    settings = {"model": "cnn", "model_width": 2, "limit": 120} | changed
    with pytest.raises(ValueError, match=told), rd.writing(tmp_path / "x", method, data, state, **settings):
        pass
    assert not (tmp_path / "x").exists()


def test_the_frontier_is_a_figure(mine):
    main.run(["frontier", str(mine[0]), "--n", "10", "--attack", "pgd-1"])
    figure = rd.plot_frontier(mine[0])
    assert len(figure.data[0].x) == 3
    points = [{"lam": lam, "clean": 0.9, "robust": lam / 2} for lam in (0.0, 0.5, 1.0)]
    assert list(rd.plot_frontier(points).data[0].y) == [0.0, 25.0, 50.0]
    measured = [(rd.Position(0.0, 1.0), Measured(Accuracy(9, 10), Accuracy(5, 10)))]
    assert [*rd.plot_frontier(measured).data[0].x] == [90.0] and [*rd.plot_frontier(measured).data[0].y] == [50.0]
    with pytest.raises(ValueError, match="no robust"):
        rd.plot_frontier([{"lam": 0.0, "clean": 1.0}])
    with pytest.raises(FileNotFoundError, match="robustdial frontier"):
        rd.plot_frontier(mine[0].parent)
    assert rd.report(str(mine[0])).exists()


def test_an_epoch_of_ones_own_may_hold_tensors_and_leaves_each_layer_in_its_mode(data, tmp_path):
    method = rd.clean()
    state = begun(data, method)
    frozen = next(layer for layer in state.model.modules() if isinstance(layer, torch.nn.BatchNorm2d)).eval()
    with rd.writing(tmp_path / "run", method, data, state, model="cnn", model_width=2, limit=120) as run:
        assert run.add({"loss": torch.tensor(0.5)})["loss"] == 0.5
        assert state.model.training and not frozen.training
        with pytest.raises(TypeError, match=r"seen is a tensor of \[2\], which JSON cannot hold.*loss\.item"):
            run.add({"loss": 0.5, "seen": torch.ones(2)})
        with pytest.raises(TypeError, match="loss is nan, which JSON cannot hold"):
            run.add({"loss": float("nan")})
        with pytest.raises(TypeError, match="epoch='x' is no whole number"):
            run.add({"loss": 0.5, "epoch": "x"})
        with pytest.raises(TypeError, match=r"epoch is 0\.5"):
            run.add(0.5)
        assert len(record.read_epochs(run.folder)) == 1
