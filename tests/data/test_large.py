"""Large sets: decoded by processes as batches are needed, the same to the bit as if they lay in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from robustdial.data import Feed, load, stream
from robustdial.data.ahead import in_processes, in_threads, processes_here
from robustdial.data.stream import Stream
from robustdial.randomness import seeded

AHEAD = {"threads": in_threads, "processes": lambda make, order: in_processes(make, order, 3, 8)}


def pixels_of(source):
    return torch.cat([x for x, _ in source.batches(torch.split(torch.arange(len(source)), 7))])


@pytest.fixture
def pictures(folder):
    """A folder whose first images are on their side, transparent and larger."""
    path = folder(train=12, test=4)
    side = Image.Exif()
    side[0x0112] = 6
    Image.open(path / "train" / "ant" / "0.png").save(path / "train" / "ant" / "0.png", exif=side)
    Image.new("RGBA", (16, 16), (200, 10, 10, 90)).save(path / "train" / "bee" / "0.png")
    Image.open(path / "train" / "cat" / "0.png").resize((40, 30)).save(path / "train" / "cat" / "0.png")
    return f"folder:{path}"


@pytest.mark.parametrize(
    ("workers", "memory", "streamed"),
    [(None, 2**31, False), (None, 0, True), (0, 0, False), (1, 2**31, True), (3, 2**31, True)],
    ids=["small", "large", "in memory all the same", "one process", "three processes"],
)
def test_size_decides_unless_the_user_does(pictures, monkeypatch, workers, memory, streamed):
    resident = load(pictures, size=16)
    monkeypatch.setattr(stream, "RESIDENT_BYTES", memory)
    data = load(pictures, size=16, workers=workers)
    for part in ("train", "val", "test"):
        source = getattr(data, part)
        assert isinstance(source, Stream) == streamed
        assert torch.equal(pixels_of(source), pixels_of(getattr(resident, part)))
    told = [note for note in data.notes if "not kept in memory" in note]
    assert [note.partition(": ")[2] for note in told] == (
        ["train 32 (2.3e-05 GiB), val 4 (2.9e-06 GiB), test 12 (8.6e-06 GiB)."] if streamed else []
    )
    assert data.train.workers == (workers or processes_here()) if streamed else True


def test_a_table_on_disk_is_decoded_by_processes(table, parquet):
    place = f"parquet:{parquet(train=table(12), test=table(4, 100))}"
    resident, streamed = load(place), load(place, workers=2)
    assert streamed.train.images._cells.cache_files  # mapped into memory, not read into it
    for part in ("train", "val", "test"):
        assert torch.equal(pixels_of(getattr(streamed, part)), pixels_of(getattr(resident, part)))


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
def test_work_done_ahead_keeps_its_order(ahead):
    order = list(torch.split(torch.randperm(100), 3))
    made = list(ahead(lambda index: 2 * index, order))
    assert len(made) == len(order)
    assert all(torch.equal(one, 2 * index) for one, index in zip(made, order, strict=True))
    assert list(ahead(lambda index: index, [])) == []


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD)
@pytest.mark.parametrize("error", [ValueError("x.png cannot be decoded."), OSError("No space.")], ids=["value", "os"])
def test_an_error_arrives_as_it_was_raised(ahead, error):
    def make(index):
        if index == 5:
            raise error
        return index

    arrived = []
    with pytest.raises(type(error), match=f"^{error}$"):
        arrived += ahead(make, torch.arange(10))


def test_a_process_that_is_killed_is_told_in_one_line():
    def make(index):
        if index == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return index

    with pytest.raises(ChildProcessError, match=r"has come to an end, .* Give fewer with --workers\.$"):
        list(in_processes(make, torch.arange(10), 2, 4))
    assert not multiprocessing.active_children()


def test_a_signal_to_the_group_reaches_no_process_that_decodes():
    groups = in_processes(lambda index: torch.tensor(os.getpgrp()), torch.arange(4), 2, 4)
    assert os.getpgrp() not in [int(group) for group in groups]


def test_an_image_that_is_damaged_later_is_named(pictures):
    data = load(pictures, workers=2)
    place = pictures.partition(":")[2] + "/train/bee/3.png"
    os.truncate(place, 40)
    with pytest.raises(ValueError, match=r"^\S*/train/bee/3.png cannot be decoded as an image\. Replace it"):
        pixels_of(data.train)


@pytest.mark.parametrize(("ranks", "processes"), [("1", 6), ("2", 3), ("7", 1), ("100", 1)])
def test_ranks_share_the_processors(monkeypatch, ranks, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    assert processes_here() == processes


@pytest.mark.parametrize("workers", [-1, 1.5, True, 513])
def test_workers_are_a_number_of_processes(pictures, workers):
    with pytest.raises((ValueError, TypeError), match="workers="):
        load(pictures, workers=workers)


@pytest.mark.parametrize("first", [0, 2], ids=["an epoch", "from its middle"])
def test_two_shards_are_the_batches_of_one(pictures, first):
    data = load(pictures, workers=2)

    def played(number, of):
        feed = Feed(data, world=SimpleNamespace(rank=number, size=of))
        with seeded(3):
            return list(feed.batches(feed.order(8, seed=5, epoch=1)[first:]))

    whole, shards = played(0, 1), [played(0, 2), played(1, 2)]
    assert len(whole) == len(shards[0]) == len(shards[1]) == 4 - first
    for batch, *parts in zip(whole, *shards, strict=True):
        for number, part in enumerate(parts):
            assert torch.equal(part.x, batch.x[number::2])
            assert torch.equal(part.y, batch.y[number::2])
            assert torch.equal(part.origin.index, batch.origin.index[number::2])
    x = torch.cat([batch.x for batch in played(0, 1)])
    assert torch.equal(x, torch.cat([batch.x for batch in whole]))
