from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from robustdial.report import render
from robustdial.report.evaluation.classes import classes_of
from robustdial.report.evaluation.corruptions import corruptions_of
from robustdial.report.evaluation.curve import curve
from robustdial.report.evaluation.extremes import extremes_of
from robustdial.report.evaluation.facts import command
from robustdial.report.evaluation.overview import overview

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def foreign(build, make_score, show):
    """The page of a folder with nothing but the evaluations of a network from elsewhere."""

    def shown(*scores, **parts):
        model = {"model": "/somewhere/net.py:build", "chosen_on": None}
        return show(build(scores=[score | model for score in scores or [make_score(None)]], **parts))

    return shown


def rows(page, title):
    """The texts of the rows under the table whose first column has this title."""
    body = page.own().partition(f'scope="col" class="text">{title}</th>')[2].partition("</table>")[0]
    return [" ".join(re.sub(r"<.*?>", " ", row).split()) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_latest_evaluation_comes_first_and_is_chosen(build, parts, make_score, show):
    parts["scores"] = [make_score(lam, robust=robust) for lam, robust in ((0.0, 0.1), (0.4, 0.4), (1.0, 0.5))]
    page = show(build(**parts))
    chosen = [(attrs["value"], "checked" in attrs) for _, attrs in page.tags if attrs.get("name") == "evaluation"]
    assert chosen == [("evaluation-0", True), ("evaluation-1", False), ("evaluation-2", False)]
    assert [row.split()[0] for row in rows(page, "λ")] == ["1", "0.4", "0"]
    assert {"evaluation-0", "evaluation-1", "evaluation-2"} <= set(page.ids())
    assert len(page.ids()) == len(set(page.ids()))


def test_one_evaluation_needs_no_table_of_them(page):
    assert not [attrs for _, attrs in page.tags if attrs.get("name") == "evaluation"]


def test_table_of_evaluations_tells_what_differs_and_the_attack(make_score):
    entries = [make_score(0.4), make_score(0.4, weights="0" * 16), make_score(0.4, n=1000)]
    table = overview(entries)
    assert [name for name, _ in table.names] == ["attack"]
    assert dict(table.conditions) == {
        "n": ["100", "100", "1,000"],
        "weights": ["d6833e131c7c5b29", "0" * 16, "d6833e131c7c5b29"],
    }


def test_number_stands_with_its_interval_attack_radius_and_n(page):
    assert "Robust is accuracy under autoattack at ε = 8/255 (Linf) on 100 test images." in page.text
    assert "An attack gives an upper bound" in page.text
    assert "37.5\N{EN DASH}56.7" in page.text


def test_validation_images_are_not_called_test_images(foreign, make_score):
    assert "on 100 validation images" in foreign(make_score(None, part="val")).text


def test_stages_are_told_with_who_stands_who_fell_and_the_time(page):
    assert rows(page, "after") == [
        "clean 96.0 % 96 4 0.1",
        "apgd-ce 49.0 % 49 47 2.5",
        "square 47.0 % 47 2 4.0",
    ]


def test_shortened_attack_is_called_an_upper_bound(foreign, make_score):
    gap = {"attack": "autoattack", "sample": 64, "broken": 4, "robust": 0.44, "interval": [0.4, 0.46]}
    page = foreign(make_score(None, attack="autoattack at 10%", gap=gap))
    assert "The attack was cut short: its result is an upper bound." in page.text
    assert "Of 64 images that autoattack at 10% left standing, autoattack broke 4" in page.text
    assert "about 44.0 % (40.0\N{EN DASH}46.0)" in page.text
    assert page.text.count("≤ 47.0 %") == 2  # in the summary and beside the evaluation


def test_shortened_attack_that_left_nothing_has_nothing_to_try_again(foreign, make_score):
    gap = {"attack": "autoattack", "sample": 0, "broken": 0, "robust": None, "interval": None}
    assert "autoattack has none left to break" in foreign(make_score(None, robust=0.0, gap=gap)).text


def test_whole_attack_is_no_shortened_one(page):
    assert "cut short" not in page.text
    assert "≤" not in page.text


def test_raised_check_comes_first_with_what_was_seen_its_meaning_and_remedy(page):
    told = re.sub(r"\s+", " ", page.text)
    places = [told.index(text) for text in ("Checks raised: 1 of 2", "It breaks 9.", "What it means.", "What to do.")]
    places += [told.index(text) for text in ("Noise breaks 0.", "Nobody has said.")]
    assert places == sorted(places)
    assert told.count("What it means.") == 1  # of a check that passed it would alarm for nothing


def test_raised_check_is_in_the_summary_of_a_foreign_network(foreign, make_score, optional):
    assert "Raised: One step beats many." in foreign(make_score(None, **optional)).text


def test_no_raised_check_is_no_proof(foreign, make_score, optional):
    optional["checks"] = optional["checks"][:1]
    page = foreign(make_score(None, **optional))
    assert "Checks raised: 0 of 1" in page.text
    assert "That is no proof" in page.text


def test_worst_class_is_named_and_first(page):
    assert "The worst class is 2: 10.0 %" in page.text
    assert [row.split()[0] for row in rows(page, "class")] == ["2", "3", "1", "0"]


def test_of_many_classes_the_worst_are_shown(make_score):
    row = make_score()["per_class"][0]
    shown = classes_of([row | {"name": str(k), "robust": k / 100} for k in reversed(range(100))])
    assert [row["name"] for row in shown.rows] == [str(k) for k in range(20)]
    assert "The 20 worst of 100 classes are shown." in shown.worst


def test_curve_has_its_interval_as_a_band_and_a_line_at_the_claimed_radius(optional):
    points = optional["curve"]
    band, middle = curve(points[::-1], 8 / 255).data
    bounds = [p["robust_interval"] for p in points]
    assert list(band.y) == pytest.approx([100 * high for _, high in bounds] + [100 * low for low, _ in bounds[::-1]])
    assert list(middle.y) == pytest.approx([96, 70, 47, 10])
    (line,) = curve(points, 8 / 255).layout.shapes
    assert line.x0 == line.x1 == 8 / 255


def test_the_attack_of_the_curve_is_named_where_it_is_known(foreign, make_score, optional, page):
    assert "Accuracy against the radius, under apgd-ce+cw-50" in page.text
    for point in optional["curve"]:
        del point["attack"]
    old = foreign(make_score(None, **optional)).text
    assert "Accuracy against the radius" in old
    assert "Accuracy against the radius, under" not in old


def test_kinds_have_a_mean_only_where_every_level_was_measured(optional):
    table = corruptions_of(optional["corruptions"][:-1])
    assert table.levels == [1, 2, 3, 4, 5]
    assert [row.kind for row in table.rows] == ["fog", "snow"]
    assert table.rows[0].mean == pytest.approx(0.75)
    assert table.rows[1].cells[-1] is None
    assert table.rows[1].mean is None
    assert "The worst kind is fog: 75.0" in table.told


def test_corruptions_and_other_threats_are_in_their_tables(page):
    assert rows(page, "level") == ["fog 85.0 80.0 75.0 70.0 65.0 75.0", "snow 80.0 70.0 60.0 50.0 40.0 60.0"]
    assert rows(page, "threat") == [
        "L2 0.5 apgd-t 30.0 % 22.0\N{EN DASH}40.0 100",
        "RTS worst-of-10 20.0 % 10.0\N{EN DASH}30.0 100",
    ]


def test_easiest_and_hardest_images_are_shown_with_number_and_lead(page):
    assert "Fell most easily" in page.text
    assert "Stand most firmly" in page.text
    for told in ("image 100", "image 107", "lead -5.0", "lead +2.0"):
        assert told in page.text


def test_network_that_nothing_breaks_has_no_easy_images(parts):
    hard = {name: tensor for name, tensor in parts["extremes"].items() if name.startswith("hard/")}
    assert [extreme.title for extreme in extremes_of(hard, [])] == ["Stand most firmly"]


def test_foreign_page_is_whole_and_asks_for_no_training(foreign, make_score, optional, parts):
    page = foreign(make_score(None, **optional), extremes=parts["extremes"])
    assert "<h1>net.py:build</h1>" in page.source
    assert "On digits: 96.0 % clean / 47.0 % robust." in page.text
    assert "robustdial train" not in page.text
    assert "robustdial frontier" not in page.text
    assert [name for name in page.ids() if not name.startswith("curve")] == ["evaluation", "evaluation-0", "glossary"]
    assert not [tag for tag, attrs in page.tags if attrs.get("class") == "hint"]


def test_part_that_is_missing_is_named_with_the_command_that_makes_it(foreign, build, parts, make_score, show):
    parts_of_it = "accuracy against ε, corruptions, unseen threats, warps, background"
    missing = f"Not measured: {parts_of_it}. To make this part: robustdial evaluate"
    flags = "--also curve corruptions unseen warps background"
    assert f"{missing} --model /somewhere/net.py:build --data digits {flags}" in foreign().text
    parts["scores"] = [make_score()]
    assert f"{missing} RUN {flags}" in show(build(**parts)).text
    for also in ("--also curve", "--also=curve,warps"):
        parts["scores"] = [make_score(command=f"robustdial evaluate runs/x {also} --lam 0.2", curve=[])]
        assert f"{missing} runs/x --lam 0.2 {flags}" in show(build(**parts)).text


def test_the_command_that_evaluates_a_network_can_be_pasted():
    score = {"model": "my net.py:build, output logits", "dataset": "folder:my set"}
    told = command(SimpleNamespace(foreign=True, scores=[score]))
    assert told == "robustdial evaluate --model 'my net.py:build' --output logits --data 'folder:my set'"


def test_classes_of_a_foreign_network_are_named_by_their_labels(foreign, make_score, parts):
    cat = make_score()["per_class"][1] | {"name": "cat"}
    page = foreign(make_score(None, per_class=[cat]), extremes=parts["extremes"])
    assert re.findall(r'<th scope="col">(\w+)<small>image', page.own()) == ["0", "cat", "2", "6", "7"]


def test_conditions_of_an_evaluation_are_told(page, foreign):
    for told in ("d6833e131c7c5b29", "the validation part", "2025-03-04 10:11 UTC", "100 of digits, test part"):
        assert told in page.text
    assert "not stated" in foreign().text  # on what its weights were chosen


def test_run_without_a_frontier_is_summed_up_by_its_evaluation(build, parts, show):
    del parts["frontier"]
    assert "has not been measured yet. 96.0 % clean / 47.0 % robust (λ 0.4, width 1)." in show(build(**parts)).text


def test_hostile_words_of_an_evaluation_stay_words(foreign, make_score, optional):
    for part in optional.values():
        for entry in part:
            entry |= {name: HOSTILE for name, value in entry.items() if isinstance(value, str) and name != "state"}
    score = make_score(None, **optional, attack=HOSTILE, eps=HOSTILE, weights=HOSTILE, dataset=HOSTILE)
    for row in (*score["standing"], *score["per_class"]):
        row |= {name: HOSTILE for name, value in row.items() if isinstance(value, str)}
    page = foreign(score, make_score(None))
    assert "alert(1)" in page.text
    assert HOSTILE not in page.source


def test_page_of_a_foreign_network_is_small_without_a_curve(foreign):
    assert len(foreign().source) < 60_000


def test_damaged_images_are_named(build, parts):
    folder = build(**parts)
    (path,) = folder.glob("extremes-*.safetensors")
    path.write_bytes(b"no")
    with pytest.raises(ValueError, match=path.name):
        render(folder)
