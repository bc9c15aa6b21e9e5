"""The page of a comparison: what it claims is what `compare.json` says."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from robustdial import record
from robustdial.report import render
from robustdial.report.compare import curves, facts
from robustdial.report.compare.folder import read
from robustdial.report.compare.front import front
from robustdial.report.compare.pareto import pareto
from robustdial.report.compare.plane import plane
from robustdial.report.labels import SIZES, Label, legible, places

SECTIONS = ["methods", "front", "training", "settings"]
PLOTS = ["seconds", "cost", "passes", "gradient", "val-clean", "val-robust"]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def page(compare, about, show):
    return show(compare(about))


@pytest.fixture
def rows(about):
    """The rows of `about` by their labels."""
    return {row["label"]: row for row in about["rows"]}


def table(page):
    """Label and text of each row of the table, in order, without tags."""
    body = re.search(r'<table class="points methods">.*?<tbody>(.*?)</tbody>', page.own(), re.DOTALL).group(1)
    body = body.replace("<wbr>", "")
    texts = [re.sub(r"<[^>]*>", " ", row).replace("\N{NO-BREAK SPACE}", " ") for row in body.split("</tr>")[:-1]]
    return {text.split()[0]: " ".join(text.split()) for text in texts}


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def by_seconds(comparison):
    return pareto(comparison, [row.seconds for row in comparison.rows], "seconds")


def test_page_needs_nothing_from_outside(page):
    assert page.source.count(get_plotlyjs()) == 1
    assert not re.search(r"@import|url\(|https?://| src=| href=", page.own())
    assert any(attrs.get("http-equiv") == "Content-Security-Policy" for _, attrs in page.tags)


def test_every_section_and_plot_is_there_once(page):
    assert [name for name in page.ids() if name in SECTIONS] == SECTIONS
    assert [name for name in page.ids() if name in PLOTS] == PLOTS
    assert len(page.ids()) == len(set(page.ids()))


def test_summary_tells_what_was_found_and_how(page):
    for told in (
        "pgd-at is the most robust: 37.1 % under its worst attack and 52.3 % clean after 6 min 42 s of training.",
        "The cheapest on the front is fgsm-rs: 28.8 % under its worst attack",
        "23.9 % of the time of pgd-at.",
        "Not healthy: fgsm-rs in 1 of 3 seeds.",
        "Not finished: trades.",
        "18 runs of 15 epochs: 6 methods, 3 seeds each, resnet18 on cifar10.",
        "under the worst of pgd-20 and cw-20 at ε = 8/255 (Linf) on 1000 test images.",
    ):
        assert told in page.text


def test_table_is_sorted_by_the_first_attack_with_the_unmeasured_last(page):
    assert list(table(page)) == ["pgd-at", "m-deat", "m-pgd", "free-8", "fgsm-rs", "trades"]


def test_every_mean_stands_with_its_interval(page):
    assert table(page)["m-deat"] == (
        "m-deat on the front 55.1 % 53.7–56.5 38.7 % 37.6–39.8 36.2 % 35.0–37.4 3.5 3.3–3.7 204 199–209 51 % ✓ healthy"  # noqa: RUF001
    )


def test_methods_on_the_front_are_marked(page):
    assert [label for label, text in table(page).items() if "on the front" in text] == ["pgd-at", "m-deat", "fgsm-rs"]


def test_front_is_judged_by_the_worst_attack(page, compare, about, rows, show):
    rows["m-pgd"]["robust"]["cw-20"] |= {"mean": 0.368, "low": 0.36, "high": 0.38}
    assert "on the front" in table(show(compare(about)))["m-pgd"]
    assert "on the front" not in table(page)["m-pgd"]


@pytest.mark.parametrize(("clean", "best"), [(0.570, False), (0.572, True)])
def test_the_best_clean_accuracy_is_on_the_front_however_dear(compare, about, rows, show, clean, best):
    rows["free-8"]["clean"]["mean"] = clean  # fgsm-rs, which costs less, has 0.571; it is the least robust
    rows["free-8"]["robust"]["cw-20"]["mean"] = 0.2
    folder = compare(about)
    assert ("on the front" in table(show(folder))["free-8"]) == best
    assert min(traces(by_seconds(read(folder)))["the most"].y) == pytest.approx(
        28.8
    )  # the steps go by robustness alone


def test_every_lambda_of_a_dial_may_be_on_the_front(compare, about, rows):
    dial = [rows["m-deat"] | {"label": f"oat at {lam:g}", "method": "oat", "lam": lam} for lam in (0.0, 0.5, 1.0)]
    for clean, robust, row in zip((0.9, 0.8, 0.7), (0.2, 0.2, 0.4), dial, strict=True):
        row["clean"], row["robust"] = {"mean": clean}, {"pgd-20": {"mean": robust}, "cw-20": {"mean": robust}}
    found = read(compare(about | {"rows": dial}))
    marks = dict(zip((row.lam for row in found.rows), found.on_front([row.seconds for row in found.rows]), strict=True))
    assert marks == {0.0: True, 0.5: False, 1.0: True}


def test_unhealthy_method_is_told_in_words_and_in_colour(page):
    assert "✗ catastrophic overfitting in epoch 9 (seed 1)" in table(page)["fgsm-rs"]
    assert sum(attrs.get("class") == "wrong" for _, attrs in page.tags) == 1
    assert sum(attrs.get("class") == "right" for _, attrs in page.tags) == 4


def test_unfinished_method_is_neither_on_the_front_nor_the_slowest(compare, about, rows, show):
    best = {"mean": 0.9, "low": 0.9, "high": 0.9}
    rows["trades"] |= {"robust": {"pgd-20": best, "cw-20": best}, "seconds": {"mean": 5000.0}}
    folder = compare(about)
    lines = table(show(folder))
    assert "on the front" not in lines["trades"]
    assert "unfinished" in lines["trades"]
    assert "100 %" in lines["pgd-at"]
    assert list(traces(by_seconds(read(folder)))["unfinished"].text) == ["trades"]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], []),
        ([(1, 0.5)], [True]),
        ([(1, 0.5), (2, 0.5)], [True, False]),
        ([(1, 0.5), (1, 0.6)], [False, True]),
        ([(1, 0.5), (1, 0.5)], [True, True]),
        ([(3, 0.9), (1, 0.1), (2, 0.5)], [True, True, True]),
        ([(1, 0.5, 0.8), (2, 0.4, 0.9), (2, 0.4, 0.8)], [True, True, False]),
    ],
)
def test_front_is_what_no_other_point_beats(points, expected):
    assert front(points) == expected


@pytest.mark.parametrize("key", ["clean", "robust", "passes", "seconds", "health", "epochs", "knobs"])
@pytest.mark.parametrize("drop", [lambda row, key: row.pop(key), lambda row, key: row.update({key: None})])
def test_what_is_not_measured_yet_is_a_dash(compare, about, show, key, drop):
    for row in about["rows"]:
        drop(row, key)
    page = show(compare(about))
    assert [name for name in page.ids() if name in SECTIONS] == SECTIONS
    assert not re.search(r"\b(None|nan|NaN)\b", page.text)


def test_comparison_that_has_just_begun_has_a_page_without_plots(compare, about, show):
    about["rows"] = [{"label": label, "recipe": label, "complete": False} for label in ("pgd-at", "oat")]
    page = show(compare(about))
    assert "No method is finished yet." in page.text
    assert "Not finished" not in page.text
    assert not set(PLOTS) & set(page.ids())
    assert len(page.source) < 50_000


def test_single_method_seed_and_attack_are_told_as_such(compare, about, rows, show):
    about |= {"rows": [rows["pgd-at"]], "seeds": [0], "attacks": ["pgd-20"]}
    page = show(compare(about))
    assert "1 run of 15 epochs: 1 method, 1 seed each" in page.text
    assert "39.2 % under pgd-20" in page.text
    assert "No other method is cheaper." in page.text


def test_conditions_are_told(page):
    for told in (
        "robustdial compare fgsm-rs free",
        "Example CPU",
        "0123abc",
        "703866",
        "free(passes=8)",
        "trades(beta=6)",
        "[0, 1, 2]",
        "cosine",
        "last epoch",
        "Bars and ranges: 95 % t-interval over seeds.",
        "Everything together took 1 h 30 min.",
    ):
        assert told in page.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged .it holds no object"),
        ("{}", "lacks data, model"),
    ],
)
def test_damaged_file_is_named_and_the_old_page_stays(compare, about, text, told):
    folder = compare(about)
    old = render(folder).read_bytes()
    (folder / record.COMPARE).write_text(text, "utf-8")
    with pytest.raises(ValueError, match=rf"compare\.json {told}"):
        render(folder)
    assert (folder / record.REPORT).read_bytes() == old


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.pop("label"),
        lambda row: row.update(clean={"mean": "high"}),
        lambda row: row.update(robust=[0.3]),
        lambda row: row.update(epochs=[[{"passes": 1}]]),
    ],
)
def test_damaged_row_is_an_error_that_names_the_file(compare, about, damage):
    damage(about["rows"][2])
    with pytest.raises(ValueError, match=r"compare\.json is damaged"):
        render(compare(about))


def test_hostile_words_stay_words(compare, about, show):
    row = about["rows"][0]
    row["label"] = row["recipe"] = row["health"][1] = about["command"] = about["attacks"][0] = HOSTILE
    about["model"]["name"] = about["interval"] = HOSTILE
    page = show(compare(about))
    assert "alert(1)" in page.text
    assert HOSTILE not in page.source


def test_page_is_a_function_of_the_folder_alone(compare, about):
    folder = compare(about)
    assert render(folder).read_bytes() == render(folder).read_bytes()


def test_bars_end_at_the_interval_of_the_worst_attack(compare, about, rows):
    trace = traces(by_seconds(read(compare(about))))["on the front"]
    worst = [rows[label]["robust"]["cw-20"] for label in trace.text]
    low = np.subtract(trace.y, trace.error_y.arrayminus)
    high = np.add(trace.y, trace.error_y.array)
    assert low == pytest.approx([100 * one["low"] for one in worst])
    assert high == pytest.approx([100 * one["high"] for one in worst])


def test_picture_shows_each_measured_method_once_by_kind(compare, about):
    drawn = traces(by_seconds(read(compare(about))))
    assert {name: set(trace.text) for name, trace in drawn.items() if trace.text} == {
        "on the front": {"pgd-at", "m-deat"},
        "not on the front": {"m-pgd", "free-8"},
        "not healthy": {"fgsm-rs"},
    }


def test_front_runs_in_steps_through_its_methods(compare, about):
    line = traces(by_seconds(read(compare(about))))["the most"]
    assert line.x[:-1] == pytest.approx((96, 204, 204, 402, 402))
    assert line.y == pytest.approx((28.8, 28.8, 36.2, 36.2, 37.1, 37.1))  # level to the edge at last


def test_curve_is_the_mean_over_the_seeds_that_came_so_far(compare, about, rows):
    figures = {name: figure for name, _, figure in curves.training(read(compare(about)).rows)}
    first, second = rows["trades"]["epochs"]
    line = traces(figures["val-robust"])["trades"]
    assert len(second) == 6
    assert line.y[5] == pytest.approx(50 * (first[5]["robust"] + second[5]["robust"]))
    assert line.y[6] == pytest.approx(100 * first[6]["robust"])


def test_thirty_methods_are_drawn_differently(compare, about):
    about["rows"] = [about["rows"][0] | {"label": f"method-{i}"} for i in range(30)]
    keys = curves.keys(read(compare(about)).rows)
    assert len({(key.colour, key.dash) for key in keys}) == 30


def test_names_in_a_crowd_do_not_cover_one_another():
    rng = np.random.default_rng(0)
    labels = [Label(f"method-{i}", *rng.uniform(0.15, 0.85, 2)) for i in range(12)]
    chosen = [place.split() for place in places(labels, [])]
    boxes = [label.box((up, across), SIZES[0]) for label, (up, across) in zip(labels, chosen, strict=True)]
    apart = [a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for a, b in combinations(boxes, 2)]
    assert all(apart)


def test_share_of_the_slowest_counts_finished_methods(compare, about):
    comparison = read(compare(about))
    shares = dict(zip([row.label for row in comparison.rows], facts.relative(comparison.rows), strict=True))
    assert shares["pgd-at"] == 1
    assert shares["m-deat"] == pytest.approx(204 / 402)
    assert shares["trades"] is None


def test_positions_of_a_dial_are_rows_of_one_method(about, compare, show):
    first = about["rows"][0]
    about["rows"][:1] = [first | {"label": f"oat at {lam}", "method": "oat", "lam": lam} for lam in (0, 1)]
    page = show(compare(about))
    assert "18 runs of 15 epochs: 6 methods, 3 seeds each" in page.text
    assert "oat at 0" in page.text
    plots = page.own()
    assert plots.count('"name":"oat"') == len(["plane", "passes", "gradient", "val-clean", "val-robust"])


@pytest.fixture
def dialed(compare, about, rows):
    """A comparison with a dial of three positions that costs what they cost together, and one that does nothing."""

    def row(method, lam, clean, robust):
        of = {side: {"mean": v, "low": v - 0.01, "high": v + 0.01} for side, v in (("c", clean), ("r", robust))}
        measured = {"clean": of["c"], "robust": dict.fromkeys(about["attacks"], of["r"])}
        return rows["m-pgd"] | measured | {"label": f"{method} at {lam:g}", "method": method, "lam": lam}

    about["rows"] += [
        row("oat", lam, *both) for lam, both in ((0.0, (0.6, 0.05)), (0.5, (0.55, 0.3)), (1, (0.5, 0.35)))
    ]
    about["rows"] += [row("dead", lam, 0.5, 0.3) for lam in (0.0, 1.0)]
    return compare(about)


@pytest.mark.parametrize("draw", [by_seconds, plane])
def test_a_dial_is_one_curve_with_its_name_once(dialed, draw):
    data = draw(read(dialed)).data
    assert [len(curve.x) for curve in data if "lines" in curve.mode and len(curve.x) == 3] == [3]
    named = [text for curve in data for text in curve.text or () if text]
    assert named.count("oat") == 1
    assert len(named) == len(set(named))


def test_a_dial_that_does_nothing_is_called_so(dialed, show):
    page = show(dialed)
    assert "dead: its positions are not told apart." in page.text
    assert "oat: its positions" not in page.text
    assert [row.said for row in read(dialed).rows if row.method == "dead"] == [["its positions are not told apart"]] * 2


def test_a_method_that_guesses_is_called_so(compare, about, rows, show):
    rows["m-pgd"]["clean"] |= {"mean": 0.1, "low": 0.09, "high": 0.11}
    assert "✗ at chance" in table(show(compare(about)))["m-pgd"]


def test_names_that_cannot_be_read_are_left_out():
    stack = [Label(f"a rather long name {i}", 0.5, 0.5) for i in range(30)]
    shown = legible(stack, places(stack, []))
    assert 1 <= sum(shown) < 30
    kept = [(label, place) for label, place, clear in zip(stack, places(stack, []), shown, strict=True) if clear]
    for size in SIZES:
        boxes = [label.box(tuple(place.split()), size) for label, place in kept]
        assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for a, b in combinations(boxes, 2))
