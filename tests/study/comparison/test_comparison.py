"""Methods compared: by turns, and yet each as if alone; stopped and continued; failed and reported."""

import inspect
import json
import shutil
import sys
from dataclasses import fields, replace

import pytest
import torch

from robustdial import record
from robustdial.cli.arguments import bind
from robustdial.cli.entries import entry_of
from robustdial.cli.flags import knobs_of, preset_of, training_flags
from robustdial.cli.main import run
from robustdial.method.threat import Linf
from robustdial.recipes import RECIPES
from robustdial.recipes.presets import PRESETS, Preset
from robustdial.report import render
from robustdial.run import Run, start
from robustdial.run.training_loop import training_loop
from robustdial.study.comparison import Comparison, Entry, begin, compare, reopen
from robustdial.study.comparison.table import table_of

SMALL = {"data": "digits", "model": "cnn", "model_width": 4, "limit": 300, "epochs": 2, "batch": 64}
ENTRIES = (
    Entry("free", "free", {"eps": 0.2, "replays": 2}),
    Entry("m-oat", "m-oat", {"eps": 0.2, "lambdas": (0.0, 1.0)}),
    Entry("fgsm-rs", "fgsm-rs", {"eps": 0.2}),
)


def comparison(out, **changes):
    settings = {"seeds": 1, "attacks": ("pgd-2", "cw-2"), "n": 40} | changes
    entries = settings.pop("entries", ENTRIES)
    return Comparison(entries, Run(**SMALL, out=str(out)), **settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    made = comparison(tmp_path_factory.mktemp("compared") / "whole")
    begin(made)
    turns = list(compare(made))
    return made, turns


def table(made):
    return json.loads((made.folder / record.COMPARE).read_text())


def weights(folder):
    tensors, _ = record.read_tensors(folder / record.LAST)
    return {name: value for name, value in tensors.items() if name.startswith(("model.", "optimizer.", "memory."))}


def same(a, b):
    a, b = weights(a), weights(b)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_methods_take_turns_epoch_by_epoch(finished):
    _, turns = finished
    closed = [(turn.label, turn.epoch) for turn in turns if turn.closed and turn.epoch]
    assert closed == [(entry.label, epoch) for epoch in (1, 2) for entry in ENTRIES]


def test_a_run_among_others_ends_like_a_run_alone(finished, tmp_path):
    made, _ = finished
    for entry in ENTRIES:
        alone = start(entry.recipe, entry.knobs, replace(made.run, out=str(tmp_path / entry.label)))
        list(training_loop(alone))
        assert same(alone.folder, made.folder_of(entry, 0)), entry.label


@pytest.mark.parametrize("after", [2, 9])
def test_a_comparison_that_was_stopped_ends_like_one_that_was_not(finished, tmp_path, after):
    whole, _ = finished
    made = comparison(tmp_path / "stopped")
    begin(made)
    turns = compare(made)
    for _ in range(after):
        next(turns)
    turns.close()
    torch.manual_seed(999)
    list(compare(reopen(made.folder)))
    for entry in ENTRIES:
        assert same(made.folder_of(entry, 0), whole.folder_of(entry, 0)), entry.label
    for mine, theirs in zip(table(made)["rows"], table(whole)["rows"], strict=True):
        assert (mine["clean"], mine["robust"], mine["passes"]) == (theirs["clean"], theirs["robust"], theirs["passes"])


def test_a_finished_comparison_has_nothing_left_to_do(finished):
    made, _ = finished
    assert list(compare(reopen(made.folder))) == []


def test_the_table_is_complete(finished):
    made, _ = finished
    about = table(made)
    assert [row["label"] for row in about["rows"]] == ["free", "m-oat at 0", "m-oat at 1", "fgsm-rs"]
    for row in about["rows"]:
        assert row["complete"]
        assert row["health"] == ["healthy"]
        for estimate in (row["clean"], *row["robust"].values()):
            assert 0 <= estimate["low"] <= estimate["mean"] <= estimate["high"] <= 1
        assert row["seconds"]["mean"] > 0
    passes = {row["label"]: row["passes"]["mean"] for row in about["rows"]}
    assert passes["free"] == passes["fgsm-rs"] == 2
    assert passes["m-oat at 0"] == passes["m-oat at 1"] == 1.75  # all clean, half attacked: 1 + 1/2, 1 + 2/2


def test_seeds_give_an_interval_of_their_own(tmp_path):
    made = comparison(tmp_path / "seeds", entries=ENTRIES[2:], seeds=2)
    begin(made)
    list(compare(made))
    (row,) = table(made)["rows"]
    folders = [made.folder_of(ENTRIES[2], seed) for seed in (0, 1)]
    scores = [json.loads((folder / record.SCORE).read_text())["scores"][0]["clean"] for folder in folders]
    assert row["clean"]["mean"] == pytest.approx(sum(scores) / 2)
    assert "seeds" in table(made)["interval"]
    assert not same(*folders)
    (folders[1] / record.SCORE).unlink()
    (row,) = table_of(made, 0.0)["rows"]
    assert row["clean"] == {"mean": scores[0], "low": None, "high": None}  # of one seed of two: no interval over seeds
    for folder, name in zip(folders, ("at 0.2", "at 0.2, pgd-5"), strict=True):
        part = {"lam": None, "part": "curve", "asked": made.n, "n": 40, "columns": {"at 0": 0.8, name: 0.5}}
        record.write_json(folder / record.ALSO, {"parts": [part]})
    (row,) = table_of(replace(made, also=("curve",)), 0.0)["rows"]
    assert row["also"].keys() == {"at 0", "at 0.2", "at 0.2, pgd-5"}  # as two versions have named them
    assert [estimate["low"] is None for estimate in row["also"].values()] == [False, True, True]


def test_a_method_that_fails_for_good_does_not_end_the_others(tmp_path):
    made = comparison(tmp_path / "failing", entries=(Entry("bad", "fgsm-rs", {"eps": 0.2}), ENTRIES[0]))
    begin(made)
    turns = compare(made)
    next(turns)
    bad = made.folder_of(made.entries[0], 0)
    turns.close()
    tensors, about = record.read_tensors(bad / record.LAST)
    poisoned = {n: v * torch.nan if n.startswith("model.") and v.is_floating_point() else v for n, v in tensors.items()}
    record.write_tensors(bad / record.LAST, poisoned, about)
    list(compare(reopen(made.folder)))
    rows = {row["label"]: row for row in table(made)["rows"]}
    assert rows["bad"]["health"] == ["a loss that is not finite in epoch 1"]
    assert list(compare(reopen(made.folder))) == []  # given up for good
    assert not rows["bad"]["complete"]
    assert rows["free"]["complete"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pgd-a"], "nearest is 'pgd-at'"),
        (["free:foo=1"], "no knob of free 'foo'"),
        (["free", "free"], "free stands there twice"),
        ([], "there is none"),
        (["free", "--seeds", "0"], "--seeds 0"),
        (["free", "--attack", "aa"], "'aa' is not an attack"),
        (["free", "--attack", "pgd-2", "cw-2", "pgd-2x1"], "pgd-2 and pgd-2x1 are the same attack"),
        (["free:replays=0"], "at least 1 pass"),
        (["free", "--epochs", "0"], "--epochs 0"),
        (["--resume"], "holds no comparison"),
        (["free", "--resume", "--epochs", "9"], "holds no comparison"),
        (["free:eps=0.1"], "Give it as --eps"),
        (["free", "free:replays=8"], "stands there twice"),
        (["free", "--n", "0"], "--n 0"),
        (["free", "--data", "nosuch"], "nosuch"),
        (["free", "--model", "nosuch"], "nosuch"),
        (["free", "--device", "tpu"], "--device tpu"),
        (["free", "--seed", "4294967295", "--seeds", "2"], "no seed beyond"),
    ],
)
def test_bad_input_is_answered_in_one_line(words, told, tmp_path, capsys):
    assert run(["compare", *words, "--out", str(tmp_path / "new")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert told in lines[0]
    assert not (tmp_path / "new").exists()


def test_the_command_line_compares_and_reports(tmp_path, capsys):
    words = ["compare", "fgsm-rs", "free:replays=2,carry=false", "--eps", "0.2", "--epochs", "1", "--batch", "64"]
    words += ["--model-width", "4", "--limit", "200", "--attack", "pgd-1", "--n", "20", "--out", str(tmp_path / "c")]
    assert run(words) == 0
    assert (tmp_path / "c" / record.REPORT).stat().st_size > 100_000
    assert run(words) == 2  # it is there already
    assert run([*words, "--resume"]) == run(["compare", "--resume", "--out", str(tmp_path / "c")]) == 0
    assert run(["report", str(tmp_path / "c")]) == 0
    told = capsys.readouterr()
    assert "free:replays=2,carry=false" in told.out and "Continue it with --resume" in told.err
    for other in (["compare", "fgsm-rs", *words[3:]], [*words, "--seed", "1"], ["compare", *words[3:]]):
        assert run([*other, "--resume"]) == 2
        said = capsys.readouterr().err
        assert "A resumed comparison keeps its methods and settings. Drop " in said and " --model-width " in said


def test_what_all_methods_share_reaches_each():
    entry = entry_of("oat:lambdas=0,0.5,1,steps=2", {"eps": "4/255", "norm": "l2"}, Preset("", {}))
    assert entry.knobs["eps"] == pytest.approx(4 / 255)
    assert (entry.knobs["norm"], entry.knobs["lambdas"], entry.knobs["steps"]) == ("l2", (0.0, 0.5, 1.0), 2)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_real_settings_of_real_recipes(name):
    preset, of_run = PRESETS[name], {field.name for field in fields(Run)}
    assert preset.shared.keys() <= of_run | {"eps"}
    for recipe_name, settings in preset.recipes.items():
        knobs = inspect.signature(RECIPES[recipe_name]).parameters.keys()
        assert settings.keys() <= of_run | knobs
        flags = bind(training_flags(RECIPES[recipe_name], preset.of(recipe_name)), [], "train")()
        Run(**{field: getattr(flags, field) for field in of_run})
        RECIPES[recipe_name](**knobs_of(flags, RECIPES[recipe_name]))
        assert all(getattr(flags, key) == value for key, value in preset.of(recipe_name).items() if key != "eps")


def test_what_is_written_out_goes_before_a_preset():
    words = ["deat-d", "--preset", "fast", "--most", "3"]
    flags = bind(training_flags(RECIPES["deat-d"], preset_of(words).of("deat-d")), words[1:], "train")()
    assert (flags.epochs, flags.every, flags.most, flags.rate) == (12, 3, 3, "triangle")
    assert entry_of("m-deat", {}, PRESETS["fast"]).knobs["step"] == 1.5
    assert entry_of("m-deat:step=2", {}, PRESETS["fast"]).knobs["step"] == 2
    with pytest.raises(ValueError, match="There is no preset 'slow'"):
        preset_of(["--preset=slow"])


def test_what_a_rollback_threw_away_is_paid_for_and_told(finished, tmp_path):
    whole, _ = finished
    made = comparison(tmp_path / "c")
    shutil.copytree(whole.folder, made.folder)
    before = {row["label"]: row for row in table_of(made, 0.0)["rows"]}["free"]
    folder = made.folder_of(ENTRIES[0], 0)
    lost = {"epoch": 2, "trouble": "collapse to one class", "action": "back to the end of epoch 1"}
    record.append_line(folder / record.TROUBLES, lost | {"seconds_lost": 100.0, "spent_lost": 4.0})
    after = {row["label"]: row for row in table_of(made, 0.0)["rows"]}["free"]
    assert after["seconds"]["mean"] == pytest.approx(before["seconds"]["mean"] + 100)
    assert after["passes"]["mean"] == pytest.approx(before["passes"]["mean"] + 4 / 2)
    assert after["health"] == ["collapse to one class in epoch 2, taken back"]
    record.append_line(folder / record.TROUBLES, lost | {"action": "stopped: went back 4 times already"})
    record.keep_epochs(folder, 1)
    (row,) = [row for row in table_of(made, 0.0)["rows"] if row["label"] == "free"]
    assert row["health"] == ["collapse to one class in epoch 2"]
    assert not row["complete"]


def test_a_comparison_keeps_where_it_came_from(tmp_path, monkeypatch):
    made = comparison(tmp_path / "c", entries=ENTRIES[2:])
    begin(made)
    first = table(made)
    monkeypatch.setattr(sys, "argv", ["robustdial", "compare", "--resume"])
    list(compare(reopen(made.folder)))
    assert {name: table(made)[name] for name in ("command", "commit", "created")} == {
        name: first[name] for name in ("command", "commit", "created")
    }


def test_an_attack_has_its_column_under_whatever_it_was_called(tmp_path):
    """A place and `pgd-1x1` are not what the attack is called in reports; an edited file is another attack."""
    mine = tmp_path / "mine.py"
    mine.write_text("def attack(f, x, y, threat):\n    return x\n")
    made = comparison(tmp_path / "c", entries=ENTRIES[2:], attacks=(f"{mine}:attack", "pgd-1x1"), n=10)
    begin(made)
    list(compare(made))
    (row,) = table(made)["rows"]
    assert row["complete"] and row["clean"]
    assert row["robust"][f"{mine}:attack"]["mean"] == row["clean"]["mean"]
    assert row["robust"]["pgd-1x1"] is not None
    mine.write_text("def attack(f, x, y, threat):\n    return x.flip(3)\n")
    with pytest.raises(ValueError, match="proves nothing"):
        list(compare(reopen(made.folder)))


def test_all_are_measured_under_one_threat_and_in_further_parts(tmp_path):
    """Methods with other threats of their own stand in the same table."""
    entries = (Entry("clean", "clean", {"eps": 0.3}), Entry("pgd-at", "pgd-at", {"eps": 0.1, "steps": 1}))
    settings = {"attacks": ("pgd-2",), "n": 10, "threat": Linf(0.05), "also": ("unseen", "warps")}
    made = comparison(tmp_path / "c", entries=entries, **settings)
    begin(made)
    list(compare(made))
    assert reopen(made.folder) == made
    about = table(made)
    assert (about["threat"], about["eps"]) == ("Linf", 0.05)
    for entry, row in zip(entries, about["rows"], strict=True):
        score = record.read_json(made.folder_of(entry, 0) / record.SCORE)["scores"][0]
        assert score["eps"] == 0.05
        assert row["complete"]
        assert 0 <= row["also"]["Warp, worst-of-10"]["mean"] <= row["clean"]["mean"] <= 1
        assert row["also"]["RTS, worst-of-10"]["mean"] <= row["also"]["RTS, worst-of-1"]["mean"]
    assert "Warp, worst-of-10" in (made.folder / render(made.folder)).read_text()
