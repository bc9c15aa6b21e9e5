"""A page stays small however much there is, and says what it leaves out and where that is."""

from __future__ import annotations

import copy
import re

import pytest

from robustdial.report.labels import SIZES, Label, places
from robustdial.report.thin import EVALUATIONS, METHODS, NAMED, ROWS, evenly

MOST = 6_000_000


@pytest.fixture
def long_run(parts, build, make_point, make_score, show):
    points = [make_point(i / 1000, 0.98 - i / 1e4, 0.4 + i / 4000) for i in range(1001)]
    scores = [make_score(key=f"{i:06x}") for i in range(500)]
    epochs = [parts["epochs"][0] | {"epoch": i + 1} for i in range(350)]
    parts["frontier"].pop("costs", None)
    return show(
        build(**parts | {"frontier": parts["frontier"] | {"points": points}, "scores": scores, "epochs": epochs})
    )


@pytest.fixture
def many_methods(compare, about, show):
    rows = []
    for i in range(300):
        row = copy.deepcopy(about["rows"][i % len(about["rows"])])
        row |= {"label": f"free:step={i}", "method": f"free:step={i}"}
        row["seconds"] = {"mean": 100.0 + i, "low": None, "high": None}
        rows.append(row)
    return show(compare(about | {"rows": rows}))


def test_a_run_with_a_thousand_positions_and_five_hundred_evaluations(long_run):
    assert len(long_run.source) < MOST
    assert "150 of 1,001 measured positions are shown" in long_run.source
    assert f"The latest {EVALUATIONS} of 500 evaluations are shown in full" in long_run.source
    for file in ("frontier.json", "score.json"):
        assert f'<a href="{file}">{file}</a>' in long_run.source
    assert long_run.own().count('class="evaluation"') == EVALUATIONS
    assert long_run.own().count('name="evaluation" value=') == EVALUATIONS
    body = re.search(r'id="evaluation">.*?<tbody>(.*?)</tbody>', long_run.own(), re.DOTALL).group(1)
    assert body.count("<tr>") == ROWS


def test_a_comparison_of_three_hundred_methods(many_methods):
    assert len(many_methods.source) < MOST
    assert f"Of 300 rows the {NAMED}" in many_methods.source
    assert f"Curves are drawn for the {METHODS} most robust of 300 methods" in many_methods.source
    assert many_methods.own().count("data-curve=") >= METHODS
    assert '<a href="compare.json">compare.json</a>' in many_methods.source


def test_ends_are_never_left_out():
    assert evenly(range(1001), 150)[::149] == [0, 1000]
    assert len(set(evenly(range(1001), 150))) == 150


def test_a_thousand_names_are_placed_without_looking_at_each_pair():
    labels = [Label(f"{i}", i / 1000, (i * 37 % 1000) / 1000) for i in range(1000)]
    found = places(labels, [])
    assert len(found) == 1000


def test_names_that_have_room_do_not_cover_each_other():
    labels = [Label("method", 0.15 + 0.3 * (i % 3), 0.2 + 0.2 * (i // 3)) for i in range(9)]
    found = [tuple(place.split()) for place in places(labels, [])]
    boxes = [label.box(place, SIZES[0]) for label, place in zip(labels, found, strict=True)]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_lead_of_nothing_has_no_minus():
    assert f"{round(-0.04, 1) + 0.0:+.1f}" == "+0.0"
