"""ATTA: an adversary for every training image, kept from epoch to epoch under the image's crop and flip."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from robustdial import record, restore, run, save
from robustdial.data import Batch, Crop, CropFlip, Origin, epoch_order, flip, from_tensors, none, stream
from robustdial.dial import Dials, Fixed
from robustdial.method import Method
from robustdial.method.game import Game
from robustdial.method.objective import AT, Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import Step, Transferred
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.recipes import atta
from robustdial.run.estimate import estimate
from robustdial.run.training_loop import training_loop
from robustdial.training.batch import train_batch
from robustdial.training.engine import TrainState, fit, steps

HALF = 2.0**-11  # the largest relative error of half precision
EXACT = {"atol": 0.0, "rtol": 0.0}


def pictures(n=40):
    """Two kinds of 8 x 8 pictures that a network can tell apart."""
    y = torch.arange(n) % 2
    x = 0.35 + 0.3 * y.float()[:, None, None, None] + 0.1 * torch.randn(n, 3, 8, 8)
    return (64 * x).round().clamp(0, 64) / 64, y


def data_with(augment):
    return from_tensors(pictures(50), pictures(20), val=0.2, augment=augment)


def state_for(method):
    plain = build("cnn", classes=2, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.25] * 3, width=4)
    return TrainState.new(method.dial.put_on(plain), seed=3)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("augment", [none, Crop(2), flip, CropFlip(2)])
def test_a_move_is_drawn_as_the_augmentation_is_and_can_be_undone(augment):
    x = torch.rand(30, 3, 7, 9)
    torch.manual_seed(1)
    moved, after = augment(x), torch.rand(1)
    torch.manual_seed(1)
    move = augment.draw(x)
    torch.testing.assert_close(torch.rand(1), after, **EXACT)
    torch.testing.assert_close(move(x), moved, **EXACT)

    margin, old = move.margin, torch.rand(30, 3, 7 + 2 * move.margin, 9 + 2 * move.margin)
    framed = move.undo(moved, old)
    torch.testing.assert_close(move.take(framed), moved, **EXACT)
    seen = move.undo(torch.ones_like(x), torch.zeros_like(old)).bool()
    assert (seen.flatten(1).sum(1) == 3 * 7 * 9).all()
    original = F.pad(x, [margin] * 4)
    torch.testing.assert_close(framed[seen], original[seen], **EXACT)  # what lies inside the window comes back
    torch.testing.assert_close(framed[~seen], old[~seen], **EXACT)  # what was cropped away keeps its old value


def test_seeds_give_the_images_they_always_gave():
    x, pad = torch.randint(0, 256, (40, 3, 7, 9), dtype=torch.uint8), 2
    torch.manual_seed(5)
    got = CropFlip(pad)(x)
    torch.manual_seed(5)
    down, right = torch.randint(0, 2 * pad + 1, (2, len(x)))
    mirrored = torch.rand(len(x), 1, 1, 1) < 0.5
    crops = F.pad(x, [pad] * 4).unfold(2, 7, 1).unfold(3, 9, 1)[torch.arange(len(x)), :, down, right]
    assert torch.equal(got, torch.where(mirrored, crops.flip(-1), crops))


def test_a_place_reads_and_writes_the_rows_of_its_images_only():
    x = torch.rand(4, 3, 8, 8)
    place = Origin(torch.tensor([5, 0, 9, 2]), 12, CropFlip(2).draw(x))
    store = place.store(x, torch.float16)
    assert store.shape == (12, 3, 12, 12)
    victims = place.part(slice(1, None))
    store[victims.index] = victims.written(store, x[1:])
    torch.testing.assert_close(place.take(store)[1:].float(), x[1:], atol=0.0, rtol=HALF)
    assert store.flatten(1).any(1).nonzero().flatten().tolist() == [0, 2, 9]


@pytest.mark.parametrize(
    ("noise", "kept"), [(0.0, lambda z: z), (0.5, lambda z: z.half().float())], ids=["exact", "rounded"]
)
def test_against_a_loop_over_images(noise, kept):
    """Zheng et al. 2020, one image after the other, the same to the bit.

    Pixels, radius and step are binary fractions: without noise half precision keeps every perturbation as it is, and
    the loop rounds nothing. With noise it rounds what it keeps.
    """
    eps, step, reset, pad, batch, epochs = 3 / 32, 1 / 32, 2, 2, 10, 4
    data = data_with(CropFlip(pad))
    method = Method(Linf(eps), Transferred(Step(step), reset, noise), Constant(3), AT())
    state = replace(state_for(method), rate=lambda progress: 1.0)
    twin = copy.deepcopy(state.model)
    torch.manual_seed(11)
    list(fit(state, data, method, epochs=epochs, batch=batch))

    torch.manual_seed(11)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    ((images, labels),) = data.train.batches([torch.arange(40)])
    natural = F.pad(images, [pad] * 4)
    store = torch.zeros_like(natural)
    for epoch in range(epochs):
        for index in epoch_order(40, batch, seed=3, epoch=epoch):
            down, right = torch.randint(0, 2 * pad + 1, (2, batch)).tolist()
            mirrored = (torch.rand(batch, 1, 1, 1) < 0.5).flatten().tolist()
            start = torch.empty(batch, 3, 8, 8).uniform_(-noise, noise) * eps
            places = [
                (image, slice(None), slice(i, i + 8), slice(j, j + 8))
                for image, i, j in zip(index.tolist(), down, right, strict=True)
            ]
            turn = [(lambda z: z.flip(-1)) if flipped else (lambda z: z) for flipped in mirrored]
            y = labels[index]
            x = torch.stack([turn[row](natural[place]) for row, place in enumerate(places)])
            if epoch % reset == 0:  # 40 images in batches of 10: none sits out, so that all start anew together
                store[index] = 0
                delta = torch.clamp(start, -x, 1 - x)
            else:
                delta = torch.stack([turn[row](store[place]) for row, place in enumerate(places)])
            twin.eval()
            for _ in range(2):
                delta.requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(twin(x + delta), y, reduction="sum"), delta)
                delta = torch.clamp(delta.detach() + step * gradient.sign(), -eps, eps)
                delta = torch.clamp(delta, -x, 1 - x)
            twin.train()
            optimizer.zero_grad()
            F.cross_entropy(twin(x + delta), y).backward()
            optimizer.step()
            for row, place in enumerate(places):
                store[place] = kept(turn[row](delta[row]))
    assert store.abs().max() == eps
    assert torch.equal(state.memories[0]["z"].float(), store)
    assert state.memories[0]["visits"].tolist() == [epochs] * 40
    assert same(state.model.state_dict(), twin.state_dict())


def test_adversaries_grow_from_epoch_to_epoch_and_start_anew():
    """One step a visit: after t visits since the last start no pixel is further than t steps."""
    data, step = data_with(CropFlip(2)), 1 / 64
    method = Method(Linf(1 / 8), Transferred(Step(step), reset=3, noise=0.0), Constant(2), AT())
    state = state_for(method)
    largest = [float(state.memories[0]["z"].abs().max()) / step for _ in fit(state, data, method, epochs=7, batch=10)]
    assert largest == [1, 2, 3, 1, 2, 3, 1]


def test_half_precision_does_not_leave_the_set():
    x, y = torch.full((2, 3, 8, 8), 0.5), torch.tensor([0, 1])
    state, solver = state_for(atta()), Transferred(Step(0.1))
    place = Origin(torch.arange(2), 2, none.draw(x))
    memory = {"z": torch.full_like(place.store(x, torch.float16), 0.3), "visits": torch.ones(2, dtype=torch.int32)}
    assert memory["z"].float().max() > 0.3  # it was rounded up
    (seat,) = Fixed().seats(state.model, state.model, x)
    (point,) = solver.play(Game(state.model, seat, Batch(x, y, place), Linf(0.3), AT()), 1, memory)
    assert torch.equal(point.z.detach(), torch.full_like(x, 0.3))


def test_images_that_sit_out_keep_their_adversary_and_their_count():
    data = data_with(CropFlip(2))  # 40 images
    method = atta(eps=1 / 8, reset=2)
    state = state_for(method)
    first = next(fit(state, data, method, epochs=2, batch=12))
    assert first["images"] == 36
    visits, z = (state.memories[0][name].clone() for name in ("visits", "z"))
    assert visits.sum() == 36
    assert not z[visits == 0].any()
    assert z[visits == 1].flatten(1).any(1).all()
    list(fit(state, data, method, epochs=2, batch=12))
    idle = state.memories[0]["visits"] == visits
    assert idle.sum() == 4
    assert torch.equal(state.memories[0]["z"][idle], z[idle])


def test_with_a_dial_only_the_victims_are_attacked_and_written_back():
    x, y = pictures(12)
    dials = Dials((0.0, 1.0))
    method = Method(Linf(0.1), Transferred(Step(0.05)), Constant(2), Blend(), dials)
    state, place = state_for(method), Origin(torch.arange(20, 32), 40, CropFlip(2).draw(x))
    train_batch(state.model.train(), Batch(place.move(x), y, place), method, 2, state.optimizer, state.memories)
    (memory,) = state.memories
    (first,) = {seat.first for seat in dials.seats(state.model, state.model, x)}
    assert memory["visits"].nonzero().flatten().tolist() == list(range(20 + first, 32))
    assert memory["z"].flatten(1).any(1).nonzero().flatten().tolist() == list(range(20 + first, 32))


def test_a_batch_without_victims_leaves_the_store_empty():
    x, y = pictures(12)
    method = Method(Linf(0.1), Transferred(Step(0.05)), Constant(2), Blend(), Dials((0.0,)))
    state, place = state_for(method), Origin(torch.arange(12), 12, none.draw(x))
    train_batch(state.model.train(), Batch(x, y, place), method, 2, state.optimizer, state.memories)
    assert not state.memories[0]["visits"].any()
    assert not state.memories[0]["z"].any()


@pytest.mark.parametrize("augment", [CropFlip(2), none])
def test_saved_in_mid_epoch_it_goes_on_to_the_same_bits(tmp_path, augment):
    method, data, ends = atta(eps=0.1, steps=2, reset=2), data_with(augment), []
    for stop in (False, True):
        torch.manual_seed(5)
        state = state_for(method)
        for step in steps(state, data, method, epochs=3, batch=12):
            if stop and (step.epoch, step.batch) == (2, 2):
                save(state, tmp_path / "state.safetensors")
                state = state_for(method)
                restore(state, tmp_path / "state.safetensors")
                list(steps(state, data, method, epochs=3, batch=12))
                break
        ends.append(state)
    assert ends[0].memories[0]["z"].dtype == torch.float16
    assert same(ends[0].memories[0], ends[1].memories[0])
    assert same(ends[0].model.state_dict(), ends[1].model.state_dict())


@pytest.mark.slow
def test_a_streamed_run_resumes_with_the_same_bits(tmp_path, monkeypatch):
    for k in range(2):
        folder = tmp_path / "images" / str(k)
        folder.mkdir(parents=True)
        for i in range(20):
            pixels = torch.randint(0, 128, (8, 8, 3), dtype=torch.uint8) + 120 * k
            Image.fromarray(pixels.numpy()).save(folder / f"{i}.png")
    monkeypatch.setattr(stream, "RESIDENT_BYTES", 0)
    ends = []
    for name in ("whole", "broken"):
        settings = run.Run(
            data=f"folder:{tmp_path / 'images'}",
            model_width=4,
            epochs=2,
            batch=8,
            precision="float32",
            out=str(tmp_path / name),
        )
        experiment = run.start("atta", {"eps": 0.1}, settings)
        assert isinstance(experiment.data.train, stream.Stream)
        assert experiment.data.augment == CropFlip(1)
        estimate(experiment)  # plays two batches on the side
        if name == "broken":
            next(training_loop(experiment))
            experiment.save()
            experiment = run.resume(experiment.folder)
        list(training_loop(experiment))
        ends.append(record.read_tensors(experiment.folder / record.LAST)[0])
    assert "memory.0.z" in ends[0]
    assert same(*ends)


def test_what_cannot_be_undone_is_refused():
    method = atta(eps=0.1)
    for augment in (lambda x: x.flip(-1), torch.nn.Identity()):
        with pytest.raises(ValueError, match="Crop, flip, CropFlip or none"):
            next(fit(state_for(method), data_with(augment), method, epochs=1, batch=10))
    state, (x, y) = state_for(method), pictures(12)
    with pytest.raises(ValueError, match="Train with fit or steps"):
        train_batch(state.model.train(), Batch(x, y), method, 2, state.optimizer, state.memories)


def test_an_augmentation_of_ones_own_that_says_what_it_did_is_welcome():
    class Mirror:
        """Every image, mirrored."""

        def __call__(self, x):
            return self.draw(x)(x)

        def draw(self, x):
            move = none.draw(x)
            return replace(move, cells=move.cells.flip(-1))

    method, data = atta(eps=0.1), data_with(Mirror())
    assert next(fit(state_for(method), data, method, epochs=1, batch=10))["images"] == 40


def test_a_reset_before_the_first_visit_is_refused():
    with pytest.raises(ValueError, match="at least 1 visit"):
        atta(reset=0)
