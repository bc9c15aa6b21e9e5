"""The run folder: atomic, honest about damage, never a pickle."""

import errno
import json
import pickle
import re

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
    ("there", "name", "flag", "remedy"),
    [
        (record.RUN, record.RUN, "out", "run. Continue it with --resume, or choose another --out."),
        (record.COMPARE, record.RUN, "out", "comparison. Choose another --out."),
        (record.RUN, record.GENERATOR, "out", "run. Choose another --out."),
        (record.RUN, None, "static", "run. Choose another --static."),
    ],
)
def test_only_what_the_command_makes_is_to_be_continued(tmp_path, there, name, flag, remedy):
    (tmp_path / there).write_text("{}")
    with pytest.raises(ValueError, match=f"already holds a {re.escape(remedy)}$"):
        record.check_free(tmp_path, name, flag)


def test_a_name_that_no_folder_can_have_is_one_line(tmp_path):
    with pytest.raises(OSError, match=r"could not be written \(File name too long\)"):
        record.check_free(tmp_path / ("n" * 300))


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


def flip(byte):
    def damage(path):
        data = bytearray(path.read_bytes())
        data[byte] ^= 0x40
        path.write_bytes(bytes(data))

    return damage


def other_type(path):
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"U32"'))


def other_words(path):
    path.write_bytes(path.read_bytes().replace(b'\\"epoch\\": 3', b'\\"epoch\\": 4'))


@pytest.mark.parametrize("damage", [flip(-1), flip(-9), flip(-13), other_type, other_words])
def test_what_was_changed_since_it_was_written_is_refused(tmp_path, damage):
    path = tmp_path / "c.safetensors"
    record.write_tensors(path, TENSORS, ABOUT)
    before = path.read_bytes()
    damage(path)
    assert path.read_bytes() != before
    with pytest.raises(ValueError, match=r"c\.safetensors is damaged .*its content is not what its digest says"):
        record.read_tensors(path)


def test_a_file_of_an_earlier_version_has_no_digest_and_is_read(tmp_path):
    from safetensors.torch import save_file

    save_file(TENSORS, tmp_path / "c.safetensors", {"robustdial": json.dumps(ABOUT)})
    assert record.read_tensors(tmp_path / "c.safetensors")[1] == ABOUT


def test_types_are_compared_as_shapes_are():
    wanted = {"a": torch.zeros(2), "b": torch.zeros(2), "c": torch.zeros(2)}
    found = {"a": torch.zeros(2), "b": torch.zeros(3), "c": torch.zeros(2).to(torch.uint32), "d": torch.zeros(1)}
    assert record.misfits(found, wanted) == ["b", "c", "d"]


def test_files_are_put_in_place_together_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), record.staged(tmp_path / "new" / "out") as stage:
        (stage / "a").write_text("a")
        raise RuntimeError
    assert not (tmp_path / "new").exists()
    with record.staged(tmp_path / "out") as stage:
        (stage / "a").write_text("a")
        (stage / "b").mkdir()
        (stage / "b" / "c").write_text("c")
        record.put_in_place(stage, tmp_path / "out", ["a", "b"])
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["a", "b", "c"]


def test_lines_of_one_epoch_that_two_trainers_wrote_count_once(tmp_path):
    for epoch in (1, 1, 2, 2, 5, 6):
        record.append_epoch(tmp_path, {"epoch": epoch})
    record.keep_epochs(tmp_path, 5)
    assert [epoch["epoch"] for epoch in record.read_epochs(tmp_path)] == [1, 2, 5]


POINT = {"lam": 0.0, "width": 1.0, "clean": 0.9, "robust": 0.5, "n": 20, "attack": "pgd-2", "eps": 0.1, "trained": True}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (record.EPOCHS, "0", "line 1 .it holds no object"),
        (record.EPOCHS, "{}", "line 1 .it lacks epoch"),
        (record.EPOCHS, '{"epoch": 1}\n{"epoch": 2, "val": 3}', "line 2 .val is 3, not a list"),
        (record.TROUBLES, '{"epoch": 1}', "line 1 .it lacks trouble, action"),
        (record.RUN, '{"data": []}', "data is a list, not an object"),
        (record.RUN, '{"data": NaN}', "NaN is no number"),
        (record.RUN, '{"data": 1e999}', "data is inf, not an object"),
        (record.FRONTIER, "{}", "it lacks points"),
        (record.FRONTIER, '{"scores": []}', "it lacks points"),
        (
            record.FRONTIER,
            json.dumps({"points": [POINT | {"clean": 3}]}),
            r"points\[0\].clean is 3, not a number",
        ),
        (record.FRONTIER, json.dumps({"points": [POINT], "part": "val"}), 'part is "val", not one of test'),
        (record.SCORE, '{"points": []}', "it lacks scores"),
        (record.SCORE, json.dumps({"scores": [POINT | {"standing": []}]}), r"scores\[0\]: it lacks model"),
        (record.COMPARE, '{"seeds": "0"}', 'seeds is "0", not a list'),
        (record.CARD, '{"files": 3}', "files is 3, not an object|it lacks network"),
        (record.ALSO, '{"parts": [{}]}', r"parts\[0\] lacks lam"),
        (record.GENERATOR, '{"run": {"width": -1, "latent": 2}}', "run.width is -1|it lacks data"),
        (record.CROSS, json.dumps({"lams": [0, 1]}), "it lacks adversaries"),
        (record.SCORE, "[" * 100_000, "recursion"),
        (record.SCORE, "9" * 5000, "digits|no object"),
    ],
)
def test_a_file_of_another_form_is_named_with_what_is_wrong(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    read = record.read_lines if name.endswith(".jsonl") else record.read_json
    with pytest.raises(ValueError, match=f"{name} is damaged.*({words})") as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_run_that_was_not_trained_here_is_there_whole_or_not_at_all(tmp_path):
    weights = {"w": torch.ones(2)}
    with pytest.raises(ValueError, match="JSON"):
        record.create_untrained(tmp_path / "a" / "b", {"x": float("nan")}, weights)
    assert not (tmp_path / "a").exists()
    record.create_untrained(tmp_path / "a", {"x": 1}, weights)
    assert torch.equal(record.read_tensors(tmp_path / "a" / record.BEST)[0]["model.w"], weights["w"])
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["best.json", "best.safetensors", "run.json"]
