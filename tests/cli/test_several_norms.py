"""Several norms on the command line: a network trained against them, measured under each and under all, and shipped."""

import json

import pytest

from robustdial.cli.main import run

RUN = ["--data", "digits", "--model-width", "4", "--limit", "80", "--epochs", "1", "--batch", "32"]
KNOBS = ["--eps", "0.1", "--eps1", "2", "--steps", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("union") / "r"
    assert run(["train", "e-at", *RUN, *KNOBS, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("threat", "names"),
    [(["--threat", "linf:8px+l2:0.5+l1:2"], ["Linf 8/255", "L2 0.5", "L1 2"]), ([], ["Linf 0.1", "L1 2"])],
    ids=["asked for", "its own"],
)
def test_each_norm_and_all_at_once_are_measured_shown_and_shipped(trained, capsys, threat, names):
    assert run(["evaluate", str(trained), *threat, "--attack", "pgd-1", "--n", "20"]) == 0
    shown = capsys.readouterr().out
    score = json.loads((trained / "score.json").read_text())["scores"][-1]
    assert [row["threat"] for row in score["norms"]] == names
    page = (trained / "report.html").read_text()
    assert run(["bake", str(trained), "--attack", "pgd-1", "--n", "20"]) == 0
    card = (trained / "baked" / "plain" / "README.md").read_text()
    for words in (*names, "their average", "all at once (union)"):
        assert words in shown
        assert words in page
        assert f"| {words} |" in card


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_another_radius_alone_is_one_of_the_same_norm(norm, tmp_path):
    assert run(["train", "fgsm", *RUN, "--norm", norm, "--eps", "2", "--out", str(tmp_path / "r")]) == 0
    assert run(["evaluate", str(tmp_path / "r"), "--eps", "1", "--attack", "pgd-1", "--n", "10"]) == 0
    (score,) = json.loads((tmp_path / "r" / "score.json").read_text())["scores"]
    assert (score["threat_model"], score["radius"]) == (norm.upper(), 1.0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--threat", "linf:8/255+l3:1"], "There is no norm 'l3'"),
        (["--threat", "linf:8/255+l2"], "l2 has no radius"),
        (["--threat", "linf:8/255+l2:"], "l2 has no radius"),
        (["--threat", "linf:8/255+linf:4/255"], "Linf stands twice"),
        (["--threat", "linf:8+l2:1"], "more than the whole range"),
        (["--threat", "l2:much"], "much is not a radius"),
        (["--threat", "l2:0+l1:1"], "no room"),
        (["--threat", ""], "--threat is empty"),
        (["--threat", "l2:1+l1:2", "--norm", "l2"], "Leave out --norm and --eps"),
        (["--threat", "l2:1+l1:2", "--attack", "grid"], "rotations and translations alone"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_nothing_is_written(trained, capsys, words, told):
    before = sorted(trained.rglob("*"))
    assert run(["evaluate", str(trained), *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.strip().count("\n") == 0
    assert sorted(trained.rglob("*")) == before
