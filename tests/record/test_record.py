"""The run folder: atomic, honest about damage, never a pickle."""

import errno
import json
import pickle

import pytest
import torch

from robustdial import record

TENSORS = {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.uint8)}
ABOUT = {"epoch": 3, "nested": {"x": [1, None]}}


def test_tensors_come_back_with_their_description(tmp_path):
    record.write_tensors(tmp_path / "c.safetensors", TENSORS, ABOUT)
    tensors, about = record.read_tensors(tmp_path / "c.safetensors")
    assert about == ABOUT == json.loads((tmp_path / "c.json").read_text())
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_tensors_that_share_memory_are_written(tmp_path):
    whole = torch.arange(6.0)
    record.write_tensors(tmp_path / "c.safetensors", {"whole": whole, "part": whole[::2]}, {})
    assert record.read_tensors(tmp_path / "c.safetensors")[0]["part"].tolist() == [0, 2, 4]


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def flip_header(path):
    data = bytearray(path.read_bytes())
    data[9] ^= 0xFF
    path.write_bytes(bytes(data))


def huge_header(path):
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")


def a_pickle(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def anothers_file(path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, path)


@pytest.mark.parametrize(
    "damage", [cut, flip_header, huge_header, a_pickle, anothers_file, lambda path: path.write_bytes(b"")]
)
def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "c.safetensors"
    record.write_tensors(path, TENSORS, ABOUT)
    damage(path)
    with pytest.raises(ValueError, match="damaged or not a file of robustdial"):
        record.read_tensors(path)


def test_a_full_disk_leaves_the_previous_file(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    record.write_tensors(path, TENSORS, ABOUT)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("robustdial.record.disk.flush", full)
    for write in (lambda: record.write_tensors(path, {"a": torch.zeros(1)}, {}), lambda: record.write_json(path, {})):
        with pytest.raises(OSError, match=r"could not be written \(No space left on device\).*Free some disk space"):
            write()
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.json", "c.safetensors"]


def test_numbers_that_json_cannot_hold_are_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        record.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_epochs_survive_a_line_that_was_cut_short(tmp_path):
    for epoch in (1, 2, 3):
        record.append_epoch(tmp_path, {"epoch": epoch})
    with (tmp_path / record.EPOCHS).open("a") as file:
        file.write('{"epoch": 4, "lo')
    assert [epoch["epoch"] for epoch in record.read_epochs(tmp_path)] == [1, 2, 3]
    record.keep_epochs(tmp_path, 2)
    assert [epoch["epoch"] for epoch in record.read_epochs(tmp_path)] == [1, 2]


def occupied_by_a_run(folder):
    folder.mkdir()
    (folder / record.RUN).write_text("{}")


def occupied_by_something(folder):
    folder.mkdir()
    (folder / "thesis.tex").write_text("")


@pytest.mark.parametrize("occupy", [occupied_by_a_run, occupied_by_something, lambda folder: folder.write_text("")])
def test_nothing_is_overwritten(tmp_path, occupy):
    occupy(tmp_path / "run")
    with pytest.raises(ValueError, match="hoose another --out"):
        record.create(tmp_path / "run", record.RUN, {})


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (None, FileNotFoundError, "not a run folder"),
        ("{", ValueError, "damaged"),
        ("{}", ValueError, "lacks recipe"),
        ("[]", ValueError, "put a copy of it back"),
    ],
)
def test_a_folder_without_a_run_is_named(tmp_path, text, error, words):
    if text is not None:
        (tmp_path / record.RUN).write_text(text)
    with pytest.raises(error, match=words):
        record.read_run(tmp_path)
