"""Widths that were not trained, from the command line: cut, measured, chosen and shipped like the others."""

import json

import pytest
import torch

from robustdial.cli import main
from robustdial.dial import recalibrated
from robustdial.record import read_json
from robustdial.run import trained
from robustdial.run.calibration import calibration


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "x"
    settings = ["--model-width", "8", "--epochs", "2", "--steps", "1", "--limit", "300", "--precision", "float32"]
    assert main.run(["train", "oats", *settings, "--lambdas", "0", "1", "--widths", "0.5", "1", "--out", str(out)]) == 0
    return out


def test_an_untrained_width_is_recalibrated_alike_at_every_call(folder):
    run = trained(folder)
    x = torch.rand(4, *run.data.shape)
    logits = [net(x) for net in (run.at(1.0, 0.75), run.at(1.0, 0.75), run.baked(1.0, 0.75).eval())]
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=0)
    torch.testing.assert_close(logits[0], logits[2], rtol=1e-5, atol=1e-5)
    by_hand = recalibrated(run.state.model, 1.0, 0.75, calibration(run.data))
    torch.testing.assert_close(by_hand(x), logits[2], rtol=1e-5, atol=1e-5)
    assert len(next(by_hand.parameters())) == 6  # of the 8 channels of its first stage


def test_calibration_images_are_balanced_and_cost_no_random_numbers(folder):
    run, before = trained(folder), torch.get_rng_state()
    batches = calibration(run.data, 40)
    assert [len(x) for x in batches] == [40]
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(len(x) for x in calibration(run.data)) == len(run.data.train)


def test_the_frontier_tells_trained_from_untrained_widths_and_what_each_costs(folder):
    assert main.run(["frontier", str(folder), "--attack", "pgd-1", "--n", "20", "--widths", "1", "0.75"]) == 0
    about = read_json(folder / "frontier.json")
    assert {(p["width"], p["trained"]) for p in about["points"] if p["lam"] != 0.5} == {(1.0, True), (0.75, False)}
    rows = {row["width"]: row["macs"] for row in about["costs"]}
    assert list(rows) == [1.0, 0.75, 0.5]
    assert rows[0.5] < rows[0.75] < rows[1.0]
    assert "not trained" in (folder / "report.html").read_text()


def test_choose_looks_at_widths_that_are_asked_for(folder, capsys):
    targets = ["--clean-min", "0.01", "--width-max", "0.8", "--attack", "pgd-1", "--n", "20", "--json"]
    assert main.run(["choose", str(folder), *targets, "--widths", "0.75"]) == 0
    answer = json.loads(capsys.readouterr().out)
    seen = {(p["width"], p["trained"]) for p in read_json(folder / "choose.json")["points"]}
    assert {(0.75, False), (0.5, True)} <= seen
    assert answer["width"] in (0.5, 0.75)


def test_an_untrained_width_is_shipped_with_a_card_that_says_so(folder, capsys):
    place = folder / "baked" / "lam1-width0.75"
    asked = ["--lam", "1", "--width", "0.75", "--attack", "pgd-1", "--n", "20", "--format", "safetensors"]
    assert main.run(["bake", str(folder), *asked]) == 0
    card = read_json(place / "card.json")
    assert card["measured"]["trained"] is False
    assert "was not trained itself" in (place / "README.md").read_text()


def test_a_dial_of_one_width_has_no_others(folder, tmp_path, capsys):
    out = tmp_path / "x"
    settings = ["--model-width", "4", "--epochs", "1", "--steps", "1", "--limit", "300", "--precision", "float32"]
    assert main.run(["train", "oat", *settings, "--lambdas", "0", "1", "--out", str(out)]) == 0
    assert main.run(["frontier", str(out), "--attack", "pgd-1", "--n", "20", "--widths", "0.5"]) == 2
    told = capsys.readouterr().err
    assert "width=0.5 is not on this dial (1)" in told and "--widths 0.5 1" in told
    asked = ["choose", str(out), "--width-max", "0.5", "--attack", "pgd-1", "--n", "20"]
    assert main.run(asked) == 1
    told = capsys.readouterr().out
    assert "width is 2 times what was asked. None of its widths is that small" in told
    assert "train a conditional dial with --widths 0.5 1." in told


def test_a_width_that_is_too_small_for_all_can_be_cut_or_trained(folder, capsys):
    asked = ["choose", str(folder), "--width-max", "0.25", "--attack", "pgd-1", "--n", "20"]
    assert main.run(asked) == 1
    assert "ask for --widths 0.25 too, or train a conditional dial with --widths 0.25 0.5 1." in capsys.readouterr().out
    assert main.run([*asked, "--widths", "0.25"]) == 0


def test_a_network_that_cannot_narrow_is_refused_in_the_words_of_the_command_line(tmp_path, capsys):
    pytest.importorskip("timm")
    argv = ["--model", "timm:vit_tiny_patch16_224", "--widths", "0.5", "1", "--limit", "60", "--size", "224"]
    assert main.run(["train", "oats", *argv, "--out", str(tmp_path / "x")]) == 2
    err = capsys.readouterr().err
    assert "Give --widths 1, or another --model" in err
    assert "slim" not in err
