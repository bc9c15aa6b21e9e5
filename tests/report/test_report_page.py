from __future__ import annotations

import copy
import json
import re

import pytest
from plotly.offline import get_plotlyjs

from robustdial import record
from robustdial.report import render

SECTIONS = ["trade-off", "evaluation", "pictures", "training", "settings"]
HOSTILE = "<script>alert(1)</script>"


def test_page_loads_nothing_from_outside(page):
    links = [
        value for _, attrs in page.tags for name in ("src", "href", "data", "srcset") if (value := attrs.get(name))
    ]
    assert links
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert not re.search(r"@import|url\(|https?://", page.own())
    policies = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert "http" not in policies[0]


def test_plotly_is_on_the_page_exactly_once(page):
    assert page.source.count(get_plotlyjs()) == 1


def test_page_without_plots_has_no_plotly(build, parts):
    assert render(build(run=parts["run"])).stat().st_size < 50_000


def test_every_section_and_plot_is_there(page):
    plots = ["tradeoff", "against", "loss", "accuracies", "val-clean", "val-robust", "lr", "gradient", "seconds"]
    assert [name for name in page.ids() if name in SECTIONS] == SECTIONS
    assert [name for name in page.ids() if name in plots] == plots
    assert "passes" not in page.ids()  # they do not vary in this run
    assert len(page.ids()) == len(set(page.ids()))


def test_summary_tells_both_ends_of_the_dial(page):
    assert "dialed from 99.4 % clean / 2.5 % robust (λ 0) to 97.8 % clean / 56.9 % robust (λ 1)" in page.text
    assert "under pgd-20 at ε = 0.3 on 360 test images" in page.text


def test_every_point_is_in_the_table_with_its_intervals(page, parts):
    rows = re.findall(r"<tr><td>(○ )?([\d.]+)</td>(.*?)</tr>", page.own(), re.DOTALL)
    assert [(float(lam), not ring) for ring, lam, _ in rows] == [
        (p["lam"], p["trained"]) for p in parts["frontier"]["points"]
    ]
    assert "99.4\N{NO-BREAK SPACE}%" in rows[0][2]
    assert "1.3\N{EN DASH}4.7" in rows[0][2]
    assert "pgd-20" in rows[0][2]


def test_slider_stands_at_each_measured_point_and_its_nearest_pictures(page, parts):
    stops = json.loads(re.search(r'id="stops">(.*?)</script>', page.source).group(1))
    dial = next(attrs for tag, attrs in page.tags if attrs.get("id") == "dial")
    assert [s["lam"] for s in stops] == [p["lam"] for p in parts["frontier"]["points"]]
    assert [s["strip"] for s in stops] == [0, 1, 2, 3, 4, 4, 5, 5]
    assert stops[0]["robust"]["range"] == "1.3\N{EN DASH}4.7"
    assert dial["max"] == str(len(stops) - 1)


def test_conditions_of_the_run_are_told(page):
    for told in (
        "robustdial train oat --eps 0.3",
        "Example CPU",
        "0123abc",
        "61834",
        "best epoch",
        "float32",
        "Linf(eps=0.3)",
    ):
        assert told in page.text


def test_predictions_are_marked_in_words_as_well_as_in_colour(page):
    right = sum(attrs.get("class") == "right" for _, attrs in page.tags)
    wrong = sum(attrs.get("class") == "wrong" for _, attrs in page.tags)
    assert right
    assert wrong
    legend = 1
    assert page.text.count("✓") == right + legend
    assert page.text.count("✗") == wrong + legend


def test_tiny_pictures_are_enlarged_smoothly(page):
    assert not any(attrs.get("class") for tag, attrs in page.tags if tag == "img")


@pytest.mark.parametrize(
    ("missing", "gone", "command"),
    [
        (record.FRONTIER, 'id="tradeoff"', "robustdial frontier RUN"),
        (record.SCORE, 'id="evaluation-0"', "robustdial evaluate RUN --attack autoattack"),
        (record.PICTURES, 'class="strip"', "robustdial frontier RUN"),
        (record.EPOCHS, 'id="loss"', "robustdial train RECIPE"),
        (record.RUN, "<h3>Command", "robustdial train RECIPE"),
    ],
)
def test_missing_file_leaves_a_hint_in_place_of_its_section(build, parts, missing, gone, command, show):
    folder = build(**parts)
    assert gone in show(folder).own()
    (folder / missing).unlink()
    page = show(folder)
    hints = [tag for tag, attrs in page.tags if attrs.get("class") == "hint"]
    assert len(hints) == 1
    assert f"To make this part: {command}" in page.text
    assert gone not in page.own()
    assert [name for name in page.ids() if name in SECTIONS] == SECTIONS


def test_hostile_words_stay_words(build, parts, show):
    run = parts["run"]
    run["name"] = run["recipe"] = run["command"] = run["knobs"]["note"] = run["data"]["classes"][3] = HOSTILE
    run["data"]["notes"] = [HOSTILE]
    parts = copy.deepcopy(parts)
    for point in parts["frontier"]["points"]:
        point["attack"] = HOSTILE
    page = show(build(**parts))
    assert "alert(1)" in page.text
    assert HOSTILE not in page.source


def test_page_is_a_function_of_the_folder_alone(build, parts):
    folder = build(**parts)
    first = render(folder).read_bytes()
    assert render(folder).read_bytes() == first


def test_failing_render_leaves_the_old_page_and_nothing_else(build, parts):
    folder = build(**parts)
    old = render(folder).read_bytes()
    (folder / record.FRONTIER).write_text("{", "utf-8")
    before = sorted(folder.iterdir())
    with pytest.raises(ValueError, match=r"frontier\.json is damaged"):
        render(folder)
    assert (folder / record.REPORT).read_bytes() == old
    assert sorted(folder.iterdir()) == before


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"not a run folder\. Make one with"):
        render(tmp_path)


def test_diverged_epoch_is_a_gap_not_a_nan(build, parts, show):
    folder = build(run=parts["run"], epochs=parts["epochs"][:3])
    with (folder / record.EPOCHS).open("a") as lines:
        lines.write(json.dumps(parts["epochs"][3] | {"loss": float("nan"), "clean": None, "adv": None}) + "\n")
    own = show(folder).own()
    assert "null" in own
    assert "NaN" not in own


def test_network_without_a_dial_has_one_point_and_no_slider(build, parts, make_point, show):
    parts["frontier"]["points"] = [make_point(None, 0.97, 0.55)]
    parts["pictures"] = {name: t[-1:] if len(t) == 6 else t for name, t in parts["pictures"].items()}
    page = show(build(**parts))
    assert "One network, 97.0 % clean / 55.0 % robust." in page.text
    assert "tradeoff" in page.ids()
    assert not {"dial", "against"} & set(page.ids())
    assert "λ = 1" not in page.text


def test_point_without_robust_accuracy_is_a_dash(build, parts, show):
    parts["frontier"]["points"][0] |= {"robust": None, "robust_interval": None}
    assert "99.4 % clean / \N{EN DASH} robust" in show(build(**parts)).text


def test_widths_are_chosen_beside_the_slider(build, parts, make_point, show):
    parts["frontier"]["points"] = [make_point(lam, 0.9, 0.5, True, width) for width in (0.5, 1.0) for lam in (0.0, 1.0)]
    page = show(build(**parts))
    radios = [attrs["value"] for tag, attrs in page.tags if attrs.get("name") == "width"]
    assert radios == ["1.0", "0.5"]
    assert "2 widths" in page.text


def test_varying_passes_have_a_curve_even_after_two_epochs(build, parts, show):
    epochs = [epoch | {"passes": n} for n, epoch in enumerate(parts["epochs"][:2], start=1)]
    assert "passes" in show(build(run=parts["run"], epochs=epochs)).ids()


def test_coloured_pictures_are_shown(build, parts, make_pictures, show):
    parts["pictures"] = make_pictures(3)
    assert "img" in [tag for tag, _ in show(build(**parts)).tags]


def test_troubles_are_told_where_training_is_shown(build, parts, show):
    folder = build(**parts)
    record.append_line(
        folder / record.TROUBLES,
        {"epoch": 7, "trouble": "catastrophic overfitting", "action": "back to the end of epoch 6"},
    )
    assert "In epoch 7: catastrophic overfitting; back to the end of epoch 6." in show(folder).source


@pytest.mark.parametrize("name", [record.RUN, record.FRONTIER])
def test_json_that_is_no_object_is_named(build, parts, name):
    folder = build(**parts)
    (folder / name).write_text("[1]")
    with pytest.raises(ValueError, match=name):
        render(folder)


@pytest.fixture
def wide(parts, make_point, make_costs):
    """Parts of a run with three widths, their costs, and a middle at full width only."""
    grid = [(lam, width) for width in (0.5, 0.75, 1.0) for lam in (0.0, 1.0)]
    points = [make_point(lam, 0.9, 0.5 * width, True, width) for lam, width in grid]
    by_width = {row["width"]: row for row in make_costs((0.5, 0.75, 1.0))["costs"]}
    points.append(make_point(0.5, 0.9, 0.45, False))
    parts["frontier"] |= {"points": [p | by_width[p["width"]] for p in points], **make_costs((0.5, 0.75, 1.0))}
    return parts


def test_widths_have_a_surface_and_a_table_of_costs(build, wide, show):
    page = show(build(**wide))
    assert "surface" in page.ids()
    rows = re.findall(r"baked, width ([\d.]+)</td><td>(.*?)</td><td>(.*?)</td>\s*<td>(.*?)</td>", page.own())
    assert rows == [
        ("1", "131 k", "1.20 M", "300 µs"),
        ("0.75", "73.8 k", "675 k", "225 µs"),
        ("0.5", "32.8 k", "300 k", "150 µs"),
    ]
    assert "with its dial" in page.text
    assert "batch of 1 on Example CPU at 2.9 GHz (cpu, 2 threads)" in page.text
    stops = json.loads(re.search(r'id="stops">(.*?)</script>', page.source).group(1))
    assert {stop["cost"] for stop in stops if stop["width"] == 0.5} == {"300 k multiply-adds, 150 µs per image"}


def test_one_width_has_no_surface_and_a_run_of_old_no_costs(page):
    assert "surface" not in page.ids()
    assert "What it costs" not in page.text


def test_points_that_say_nothing_of_width_are_of_full_width(build, parts, show):
    parts = copy.deepcopy(parts)
    for point in parts["frontier"]["points"]:
        del point["width"]
    assert "tradeoff" in show(build(**parts)).ids()


def test_crossing_is_told_and_drawn(build, parts, crossing, show):
    page = show(build(**parts, cross=crossing))
    assert {"cross", "crossed"} <= set(page.ids())
    bounds = "(35.0\N{EN DASH}45.0)"
    for told in (
        f"every request: 33.0 % {bounds} robust against the worst adversary of each image, 34.7 % {bounds} against",
        "the worst one for all images, who attacks the mixture; 98.5 % clean",
        f"The best single lambda, 1: 46.0 % {bounds} robust against the worst adversary of each image.",
        "It was picked on these images",
    ):
        assert told in page.text


def test_a_run_without_crossing_has_no_such_section(page):
    assert "cross" not in page.ids()


def test_a_threat_that_is_no_ball_has_no_radius_in_pixels(parts, build, show):
    parts = copy.deepcopy(parts)
    for point in parts["frontier"]["points"]:
        point |= {"threat": "Warp+Noise", "eps": 1.0}
    page = show(build(**{name: parts[name] for name in ("run", "epochs", "frontier")}))
    assert "under pgd-20 in the whole set of Warp+Noise on 360 test images" in page.text
    assert "ε = 1" not in page.text
    assert "--attack apgd-ce+worst-of-10" in page.text


def test_small_pictures_keep_their_pixels(build, parts, show):
    for name in ("clean", "adv"):
        parts["pictures"][name] = parts["pictures"][name].repeat_interleave(4, -1).repeat_interleave(4, -2)
    del parts["scores"], parts["extremes"]
    images = [attrs for tag, attrs in show(build(**parts)).tags if tag == "img"]
    assert images
    assert all(attrs.get("class") == "crisp" for attrs in images)


def test_the_slider_opens_where_most_of_both_is_kept(page, build, parts, show, make_point):
    def opened(page):
        return next(attrs for _, attrs in page.tags if attrs.get("id") == "dial")["value"]

    assert opened(page) == "4"  # lambda 0.4: 98.3 + 45.0, of 97.8 + 56.9 at best
    parts["frontier"]["points"] = [make_point(0.0, 0.9, 0.0), make_point(1.0, 0.8, 0.5)]
    assert opened(show(build(**parts))) == "1"


def test_clean_and_attacked_images_stand_behind_one_switch(page):
    sides = [attrs for tag, attrs in page.tags if attrs.get("name") == "side"]
    assert [(side["value"], "checked" in side) for side in sides] == [("clean", False), ("adv", True)]
    classes = [attrs.get("class") for _, attrs in page.tags]
    assert classes.count("clean-side") == classes.count("adv-side") == classes.count("strip") == 6


def test_the_words_of_the_page_are_explained_at_its_end(page):
    assert page.ids()[-1] == "glossary"
    terms = re.findall(r"<dt>(.*?)</dt>", page.own()[page.own().index('id="glossary"') :])
    assert {"λ (lambda)", "ε (eps)", "PGD-20", "robust", "AutoAttack"} < set(terms)


def test_a_network_that_guesses_or_whose_dial_does_nothing_is_called_so(build, parts, show, make_point):
    parts["frontier"]["points"] = [make_point(lam, 0.11, 0.1) for lam in (0.0, 1.0)]
    told = show(build(**parts)).text
    assert "At chance everywhere: guessing among 10 classes is right as often." in told
    assert "The positions of the dial are not told apart: all their 95 % intervals meet." in told


def test_a_network_that_moves_is_not(page):
    assert "At chance" not in page.text
    assert "told apart" not in page.text
