"""Training as a whole: it learns, it resumes to the bit, it says when it fails."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from robustdial import record, restore, run, save
from robustdial.data import epoch_order, from_tensors, stream
from robustdial.dial import dial
from robustdial.models import build
from robustdial.recipes import oat
from robustdial.run.estimate import estimate
from robustdial.run.training_loop import score_of, training_loop, validate
from robustdial.training.engine import TrainState, fit, steps

KNOBS = {"oat": {"eps": 0.2, "steps": 2, "code": 8}, "pgd-at": {"eps": 0.2, "steps": 2}}


def settings(tmp_path, **more):
    return run.Run(
        **(
            {
                "data": "digits",
                "model": "cnn",
                "model_width": 4,
                "epochs": 3,
                "limit": 400,
                "precision": "float32",
                "out": str(tmp_path / "run"),
            }
            | more
        )
    )


def finish(experiment):
    for _ in training_loop(experiment):
        pass
    return experiment


def files(folder):
    tensors, about = record.read_tensors(folder / record.LAST)
    epochs = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in record.read_epochs(folder)]
    return tensors, about | {"sums": None}, epochs


def test_a_dial_can_start_from_another_run(tmp_path):
    plain = finish(run.start("clean", {"eps": 0.2}, settings(tmp_path, epochs=2)))
    begun = settings(tmp_path, start=str(plain.folder), out=str(tmp_path / "dialed"))
    dialed = run.start("radial", {"eps": 0.2, "warm": 0.0}, begun)
    x = torch.rand(4, 1, 8, 8)
    expected = run.open_model(plain.folder)(x)
    for lam in (0.0, 0.3, 1.0):
        torch.testing.assert_close(dialed.at(lam)(x), expected, atol=1e-5, rtol=1e-5)
    finish(dialed)
    again = run.start("clean", {}, replace(begun, start=str(dialed.folder), out=str(tmp_path / "again")))
    torch.testing.assert_close(again.at(None)(x), run.open_model(dialed.folder).at(0.0)(x), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="has another network"):
        run.start("radial", {}, replace(begun, model_width=8, out=str(tmp_path / "other")))
    with pytest.raises(ValueError, match="made with seed 0, so it may have learned from images that are held out"):
        run.start("radial", {}, replace(begun, seed=1, out=str(tmp_path / "other")))
    with pytest.raises(ValueError, match="One epoch is all warm part"):
        run.start("radial", {}, settings(tmp_path, epochs=1, out=str(tmp_path / "other")))
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        run.start("radial", {}, replace(begun, start=str(tmp_path / "none"), out=str(tmp_path / "other")))
    with pytest.raises(ValueError, match="Give one of them"):
        replace(begun, pretrained=True)


CASES = {
    "in the first epoch": ("oat", {}, {}, 2),
    "at the end of an epoch": ("oat", {}, {}, 3),
    "in the last epoch": ("oat", {}, {}, 7),
    "without a dial": ("pgd-at", {}, {}, 5),
    "L2, a lambda per batch": ("oat", {"norm": "l2", "eps": 1.0, "sampling": "batch"}, {}, 4),
    "in bfloat16": ("oat", {}, {"precision": "bfloat16"}, 4),
    "on a line": ("oat", {"dial": "line", "code": 16}, {}, 4),  # the usual code, as a line has none
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """`undisturbed(recipe, knobs, more)` is the folder of a run that nobody kills; cases that differ in nothing share
    it."""
    folders = {}

    def trained(recipe, knobs, more):
        case = repr((recipe, knobs, more))
        if case not in folders:
            folders[case] = finish(run.start(recipe, knobs, settings(tmp_path_factory.mktemp("whole"), **more))).folder
        return folders[case]

    return trained


@pytest.mark.parametrize(("recipe", "knobs", "more", "killed_after"), CASES.values(), ids=CASES)
def test_a_killed_run_ends_with_the_same_bits(tmp_path, undisturbed, recipe, knobs, more, killed_after):
    knobs = KNOBS[recipe] | knobs
    broken = run.start(recipe, knobs, settings(tmp_path / "broken", **more))
    for number, _ in enumerate(training_loop(broken), start=1):
        if number == killed_after - 1:
            broken.save()
        if number == killed_after:  # one batch beyond the last save is lost, as in a kill
            break
    torch.manual_seed(99)
    torch.rand(17)
    resumed = finish(run.resume(broken.folder))

    tensors, about, epochs = files(undisturbed(recipe, knobs, more))
    again, about_again, epochs_again = files(resumed.folder)
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    assert about == about_again
    assert epochs == epochs_again
    assert len(epochs) == 3


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path):
    whole = finish(run.start("oat", KNOBS["oat"], settings(tmp_path / "whole")))
    broken = run.start("oat", KNOBS["oat"], settings(tmp_path / "broken"))
    next(training_loop(broken))
    resumed = finish(run.resume(broken.folder))
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state.model.parameters(), resumed.state.model.parameters(), strict=True)
    )


def test_the_seed_is_the_run(tmp_path):
    weights = [
        torch.cat(
            [
                w.flatten()
                for w in finish(
                    run.start("oat", KNOBS["oat"], settings(tmp_path / f"{i}", epochs=1, seed=seed))
                ).state.model.parameters()
            ]
        )
        for i, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_estimating_and_validating_do_not_disturb_training(tmp_path):
    experiment = run.start("oat", KNOBS["oat"], settings(tmp_path))
    before, generator = {k: v.clone() for k, v in experiment.state.model.state_dict().items()}, torch.get_rng_state()
    cost = estimate(experiment)
    validate(experiment)
    zeros = 22 * 6  # of the 128 images of each batch
    assert cost.images == 128 * 6
    assert cost.passes == cost.images + 3 * (cost.images - zeros)
    assert cost.seconds > 0
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in experiment.state.model.state_dict().items())


def test_the_served_network_is_the_best_one(tmp_path):
    experiment = finish(run.start("oat", KNOBS["oat"], settings(tmp_path)))
    scores = [epoch["score"] for epoch in record.read_epochs(experiment.folder)]
    assert experiment.best["score"] == max(scores)
    assert experiment.best["epoch"] == max(epoch for epoch, score in enumerate(scores, 1) if score == max(scores))
    best, _ = record.read_tensors(experiment.folder / record.BEST)
    model = run.open_model(experiment.folder)
    assert all(torch.equal(best[f"model.{name}"], value) for name, value in model.state_dict().items())
    assert not model.training


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    one = finish(run.start("oat", KNOBS["oat"], settings(tmp_path / "one", epochs=1)))
    other = run.start("oat", KNOBS["oat"], settings(tmp_path / "other", epochs=1, model_width=8))
    (other.folder / record.LAST).write_bytes((one.folder / record.LAST).read_bytes())
    with pytest.raises(ValueError, match="of another model"):
        run.resume(other.folder)


@pytest.mark.slow
def test_a_streamed_run_resumes_with_the_same_bits(tmp_path, monkeypatch):
    images = tmp_path / "images"
    for k in range(2):
        (images / str(k)).mkdir(parents=True)
        for i in range(30):
            pixels = torch.randint(0, 128, (8, 8, 3), dtype=torch.uint8) + 120 * k
            Image.fromarray(pixels.numpy()).save(images / str(k) / f"{i}.png")
    monkeypatch.setattr(stream, "RESIDENT_BYTES", 0)
    more = {"data": f"folder:{images}", "limit": None, "batch": 16, "epochs": 2}
    whole = finish(run.start("oat", KNOBS["oat"], settings(tmp_path / "whole", **more)))
    assert isinstance(whole.data.train, stream.Stream)
    broken = run.start("oat", KNOBS["oat"], settings(tmp_path / "broken", **more))
    next(training_loop(broken))
    broken.save()
    resumed = finish(run.resume(broken.folder))
    assert files(whole.folder)[2] == files(resumed.folder)[2]
    assert all(torch.equal(value, files(resumed.folder)[0][name]) for name, value in files(whole.folder)[0].items())


def test_what_a_solver_remembers_is_saved(tmp_path):
    experiment = run.start("oat", KNOBS["oat"], settings(tmp_path))
    experiment.state.memories[:] = [{"z": torch.rand(3)}, {}]
    remembered = [dict(memory) for memory in experiment.state.memories]
    experiment.save()
    again = run.resume(experiment.folder).state.memories
    assert [memory.keys() for memory in again] == [memory.keys() for memory in remembered]
    assert torch.equal(again[0]["z"], remembered[0]["z"])


def test_data_that_has_changed_is_refused(tmp_path):
    experiment = run.start("oat", KNOBS["oat"], settings(tmp_path))
    about = record.read_run(experiment.folder)
    record.write_json(experiment.folder / record.RUN, about | {"data": about["data"] | {"train": 7}})
    with pytest.raises(ValueError, match="has changed since"):
        run.resume(experiment.folder)


def test_a_checkpoint_without_progress_is_refused(tmp_path):
    experiment = finish(run.start("oat", KNOBS["oat"], settings(tmp_path, epochs=1)))
    (experiment.folder / record.LAST).write_bytes((experiment.folder / record.BEST).read_bytes())
    with pytest.raises(ValueError, match="does not hold a whole training state"):
        run.resume(experiment.folder)


def test_a_run_without_a_finished_epoch_is_measured_as_it_is(tmp_path):
    experiment = run.start("oat", KNOBS["oat"], settings(tmp_path))
    next(training_loop(experiment))
    experiment.save()
    assert run.trained(experiment.folder).checkpoint == "last"


def test_a_loss_that_is_not_finite_is_never_saved(tmp_path):
    experiment = run.start("oat", KNOBS["oat"], settings(tmp_path))
    experiment.save()
    before = (experiment.folder / record.LAST).read_bytes()
    experiment.state.sums = {"loss": torch.tensor(float("nan"))}
    with pytest.raises(FloatingPointError, match="lower --lr"):
        experiment.save()
    assert (experiment.folder / record.LAST).read_bytes() == before


def test_every_image_is_seen_once_an_epoch():
    order = torch.cat(epoch_order(100, 10, seed=1, epoch=0))
    assert order.sort().values.tolist() == list(range(100))
    assert not torch.equal(order, torch.cat(epoch_order(100, 10, seed=1, epoch=1)))
    assert not torch.equal(order, torch.cat(epoch_order(100, 10, seed=2, epoch=0)))
    assert {len(batch) for batch in epoch_order(105, 10, 0, 0)} == {10}
    assert len(epoch_order(7, 10, 0, 0)[0]) == 7


def state_for(method, lr=0.1):
    return TrainState.new(
        dial(build("cnn", classes=2, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4), method.dial), lr=lr
    )


def stripes(n=200):
    y = torch.arange(n) % 2
    x = 0.5 + 0.3 * (2 * y.float()[:, None, None, None] - 1) * torch.ones(n, 1, 8, 8) + 0.05 * torch.randn(n, 1, 8, 8)
    return x.clamp(0, 1), y


def test_fit_is_an_ordinary_loop_and_learns():
    method, data = oat(eps=0.1, steps=2, code=8), from_tensors(stripes(), stripes(40))
    state = state_for(method)
    epochs = list(fit(state, data, method, epochs=4, batch=32))
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3, 4]
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert epochs[-1]["adv"] > 0.9
    assert epochs[0]["passes"] == 3


def test_a_loop_that_breaks_can_go_on():
    method, data = oat(eps=0.1, steps=1, code=8), from_tensors(stripes(), stripes(40))
    state = state_for(method)
    for _ in fit(state, data, method, epochs=3, batch=32):
        break
    assert [epoch["epoch"] for epoch in fit(state, data, method, epochs=3, batch=32)] == [2, 3]


def test_a_state_that_was_saved_goes_on_to_the_same_bits(tmp_path):
    method, data = oat(eps=0.1, steps=1, code=8), from_tensors(stripes(), stripes(40))
    ends = []
    for stop in (False, True):
        torch.manual_seed(5)
        state = state_for(method)
        for step in steps(state, data, method, epochs=2, batch=32):
            if stop and (step.epoch, step.batch) == (1, 3):
                save(state, tmp_path / "state.safetensors")
                state = state_for(method)
                restore(state, tmp_path / "state.safetensors")
                list(steps(state, data, method, epochs=2, batch=32))
                break
        ends.append(state.model.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_the_learning_rate_follows_its_shape():
    method, data = oat(eps=0.1, steps=1, code=8), from_tensors(stripes(), stripes(40))
    state, seen = state_for(method, lr=0.2), []
    for _ in steps(state, data, method, epochs=2, batch=90):
        seen.append(state.optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx([0.2 * (1 - abs(2 * t / 4 - 1)) for t in range(4)])


def test_a_loss_that_is_not_finite_stops_the_run():
    method, data = oat(eps=0.1, steps=1, code=8), from_tensors(stripes(), stripes(40))
    state = state_for(method, lr=1e30)
    with pytest.raises(FloatingPointError, match="lower --lr"):
        list(fit(state, data, method, epochs=3, batch=32))


def test_a_fixed_network_is_chosen_by_its_robust_accuracy():
    assert score_of([{"lam": None, "clean": 0.9, "robust": 0.4}]) == 0.4
    assert score_of([{"lam": None, "clean": 0.9, "robust": 0.4}], 0.0) == 0.9


def test_settings_that_make_no_sense_are_refused(tmp_path):
    for wrong in ({"epochs": 0}, {"batch": -1}, {"lr": 0.0}):
        with pytest.raises(ValueError, match="not positive"):
            replace(settings(tmp_path), **wrong)


def test_images_that_are_normalised_already_are_refused():
    method, data = (
        oat(eps=0.1, steps=1),
        replace(from_tensors(stripes(), stripes(40)), augment=lambda x: (x - 0.5) / 0.25),
    )
    with pytest.raises(ValueError, match="normalised already"):
        next(fit(state_for(method), data, method, epochs=1, batch=32))


def test_every_width_is_paid_for():
    data = run.data_of(run.Run(limit=128))
    seen = []
    for widths in ((1.0,), (0.25, 0.5, 1.0)):
        method = oat(eps=0.1, steps=2, lambdas=(0.5, 1.0), widths=widths)
        plain = build("cnn", classes=10, shape=(1, 8, 8), mean=[0.5], std=[0.5], width=4)
        state = TrainState.new(dial(plain, method.dial, example=torch.rand(2, 1, 8, 8)))
        (epoch,) = fit(state, data, method, epochs=1, batch=16)
        seen.append((epoch["images"], epoch["spent"]))
    assert seen[1] == (seen[0][0], 3 * seen[0][1])


def test_training_without_an_adversary_keeps_its_most_accurate_network(tmp_path):
    experiment = finish(run.start("clean", {"eps": 0.2}, settings(tmp_path)))
    epochs = record.read_epochs(experiment.folder)
    assert [epoch["score"] for epoch in epochs] == [epoch["val"][0]["clean"] for epoch in epochs]
    assert experiment.best["score"] == max(epoch["score"] for epoch in epochs)
