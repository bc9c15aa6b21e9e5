"""Files of a run, damaged anywhere, through whoever reads them: one line at most, never a traceback."""

import copy
import json
import random

import pytest
import torch

from robustdial import record
from robustdial.cli import main
from robustdial.report import render
from robustdial.run import open_model, resume, trained
from robustdial.ship.bake import bake, files_in
from robustdial.ship.hub import from_pretrained, save_pretrained
from robustdial.ship.place import Place
from robustdial.study.comparison import reopen
from robustdial.study.comparison.table import table_of

WORDS = ("--model-width=4", "--epochs=1", "--limit=200", "--precision=float32", "--device=cpu")
QUICK = ("--attack", "pgd-1", "--n", "20", "--device", "cpu")
BAD = (None, 0, -1, "x", [], {}, True, [0], {"a": 1}, [[]])
EACH = 6  # mutations of a file for each reader; all of them are some hundreds
GONE = object()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with all of its files, a comparison and a folder of the hub."""
    folder = tmp_path_factory.mktemp("made")
    run = str(folder / "run")
    for words in (
        ["train", "oat", "--steps=1", "--eps=0.2", "--lambdas", "0", "1", *WORDS, "--out", run],
        ["frontier", run, "--lams", "0", "1", *QUICK],
        ["cross", run, *QUICK],
        ["evaluate", run, "--lam", "0", *QUICK],
        ["bake", run, "--lam", "0", "--format", "safetensors", *QUICK],
        ["compare", "fgsm-rs", "--attack", "pgd-1", "--n", "20", *WORDS, "--out", str(folder / "compared")],
    ):
        assert main.run(words) == 0, words
    trouble = {"epoch": 1, "trouble": "collapse to one class", "action": "going on"}
    record.append_line(folder / "run" / record.TROUBLES, trouble)
    save_pretrained(run, folder / "hub")
    return folder


def nodes(value, path=()):
    """Every place in a piece of JSON, of lists the first two."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, each in inside:
        yield from nodes(each, (*path, key))


def damaged(value, path, bad):
    if not path:
        return bad
    whole = copy.deepcopy(value)
    at = whole
    for key in path[:-1]:
        at = at[key]
    if bad is GONE:
        del at[path[-1]]
    else:
        at[path[-1]] = bad
    return whole


def variants(text, lines):
    """Some of the ways in which a file can be damaged, as text; the same at every call."""
    value = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
    ways = [(path, bad) for path in nodes(value) for bad in (*BAD, GONE) if path or bad is not GONE]
    drawn = [([], 0), *random.Random(0).sample(ways[1:], min(EACH, len(ways) - 1))] if not lines else ways[1:30:4]
    for path, bad in drawn:
        found = damaged(value, path, bad)
        yield (
            "".join(f"{json.dumps(line)}\n" for line in found)
            if lines and isinstance(found, list)
            else json.dumps(found)
        )


def again(folder):
    table_of(reopen(folder), 0.0)


def card(folder):
    files_in(Place(folder), bake(trained(folder.parents[1], "cpu"), 0.0))


READERS = {
    "the page of a run": ("run/run.json", render),
    "a run that goes on": ("run/run.json", resume),
    "a run that is measured": ("run/run.json", lambda folder: trained(folder, "cpu")),
    "its network": ("run/run.json", open_model),
    "the page of its epochs": ("run/epochs.jsonl", render),
    "its epochs when it goes on": ("run/epochs.jsonl", resume),
    "the page of its troubles": ("run/troubles.jsonl", render),
    "the page of a frontier": ("run/frontier.json", render),
    "the page of a crossing": ("run/cross.json", render),
    "the page of a score": ("run/score.json", render),
    "the card of a dial": ("run/frontier.json", lambda folder: save_pretrained(folder, folder / "hub")),
    "a card": ("run/baked/lam0/card.json", card),
    "a network of the hub": ("hub/config.json", from_pretrained),
    "the page of a comparison": ("compared/compare.json", render),
    "a comparison that goes on": ("compared/compare.json", again),
    "the scores of a comparison": ("compared/fgsm-rs-seed0/score.json", lambda folder: again(folder.parent)),
}


@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=READERS)
def test_a_damaged_file_is_one_line_for_whoever_reads_it(made, name, read):
    path = made / name
    text = path.read_text()
    kept = {other: other.read_bytes() for other in path.parent.iterdir() if other.is_file()}
    try:
        for damaged_text in variants(text, name.endswith("l")):
            path.write_text(damaged_text)
            try:
                read(path.parent)
            except (ValueError, OSError) as error:
                assert "\n" not in str(error)
                assert not any(word in str(error) for word in ("NoneType", "object is not", "argument must", "zip()"))
    finally:
        for other, content in kept.items():
            other.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (record.BEST, record.PICTURES),
        (record.PICTURES, record.BEST),
        (record.LAST, record.BEST),
        (record.ROUNDS, record.BEST),
    ],
)
def test_tensors_of_another_file_are_refused_or_not_known(made, name, other):
    folder = made / "run"
    before = (folder / name).read_bytes()
    (folder / name).write_bytes((folder / other).read_bytes())
    try:
        for read in (render, resume, open_model):
            try:
                read(folder)
            except (ValueError, OSError) as error:
                assert "\n" not in str(error)
    finally:
        (folder / name).write_bytes(before)


def test_verdicts_in_the_words_of_an_earlier_version_are_not_known(made):
    folder = made / "run" / record.STANDING
    for path in folder.glob("*.safetensors"):
        tensors, about = record.read_tensors(path)
        tensors["fell"] = tensors.pop("broken_by")
        record.write_tensors(path, tensors, about)
    assert main.run(["evaluate", str(made / "run"), "--lam", "0", *QUICK]) == 0
    for path in folder.glob("*.safetensors"):
        assert torch.is_tensor(record.read_tensors(path)[0]["broken_by"])
