"""A run whose threat is no ball of pixels, through every command: what can be done is done, what cannot is one line."""

import json

import pytest

from robustdial.cli.main import run

RUN = ["--data", "digits", "--model-width", "4", "--limit", "80", "--epochs", "1", "--batch", "32"]


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("turned") / "r"
    assert run(["train", "agat-oat", *RUN, "--steps", "1", "--lambdas", "0", "1", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["frontier", "{}", "--attack", "worst-of-2", "--lams", "1", "--n", "10"],
        ["evaluate", "{}", "--lam", "1", "--attack", "apgd-ce-2+worst-of-2", "--n", "10", "--also", "warps"],
        ["evaluate", "{}", "--lam", "1", "--attack", "fgsm", "--norm", "linf", "--eps", "0.1", "--n", "10"],
        ["cross", "{}", "--attack", "pgd-1", "--n", "10"],
        ["bake", "{}", "--lam", "1", "--attack", "worst-of-2", "--n", "10"],
        ["report", "{}"],
    ],
    ids=lambda words: words[0],
)
def test_what_can_be_done_is_done(turned, words):
    assert run([word.format(turned) for word in words]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frontier", "{}", "--attack", "autoattack"], "fab-t moves in"),
        (["evaluate", "{}", "--lam", "1", "--attack", "grid"], "rotations and translations alone, not in Warp"),
        (["evaluate", "{}", "--lam", "1", "--eps", "0.1"], "Warp has no norm"),
        (["evaluate", "{}", "--lam", "1", "--norm", "linf"], "Warp has no norm"),
        (["evaluate", "{}", "--lam", "1", "--also", "curve", "--attack", "fgsm", "--n", "10"], "no radius"),
        (["evaluate", "{}", "--lam", "1", "--also", "curve", "--threat", "l0:3", "--attack", "spgd-1"], "not in L0"),
        (["cross", "{}", "--attack", "square"], "square moves in"),
        (["bake", "{}", "--lam", "1", "--attack", "deepfool", "--out", "{}/b"], "deepfool moves in"),
        (["bake", "{}", "--lam", "1", "--format", "robustbench", "--out", "{}/b"], "RobustBench knows Linf and L2"),
    ],
)
def test_what_cannot_be_done_is_one_line(turned, capsys, words, told):
    before = _score(turned)
    assert run([word.format(turned) for word in words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (turned / "b").exists()
    assert _score(turned) == before  # refused before anything is measured


def _score(folder):
    return (folder / "score.json").read_bytes() if (folder / "score.json").exists() else None


def test_the_card_tells_the_threat_by_its_name(turned, tmp_path):
    assert run(["bake", str(turned), "--lam", "0", "--attack", "worst-of-1", "--n", "10", "--out", str(tmp_path)]) == 0
    card = (tmp_path / "README.md").read_text()
    assert "under worst-of-1, Warp" in card
    assert "radius" not in card
    assert json.loads((tmp_path / "card.json").read_text())["run"]["additional_data"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["clean", "pgd-at", "--attack", "grid"], "not in Linf"),
        (["clean", "gat:generator={}/none"], "There is no generator"),
        (["clean", "pgd-at", "--also", "sunshine"], "no such part"),
    ],
)
def test_a_comparison_that_cannot_end_does_not_begin(tmp_path, capsys, words, told):
    words = [word.format(tmp_path) for word in words]
    assert run(["compare", *words, *RUN, "--n", "10", "--out", str(tmp_path / "c")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
