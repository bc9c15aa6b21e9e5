from __future__ import annotations

import pytest

from robustdial.report.curves import PAPER, against_lam, tradeoff, training


@pytest.fixture
def points(parts):
    return parts["frontier"]["points"]


@pytest.mark.parametrize(("axis", "side"), [("x", "clean"), ("y", "robust")])
def test_bars_end_at_the_interval(points, axis, side):
    curve = tradeoff(points).data[0]
    bars = curve[f"error_{axis}"]
    low = [at - down for at, down in zip(curve[axis], bars.arrayminus, strict=True)]
    high = [at + up for at, up in zip(curve[axis], bars.array, strict=True)]
    assert low == pytest.approx([100 * p[f"{side}_interval"][0] for p in points])
    assert high == pytest.approx([100 * p[f"{side}_interval"][1] for p in points])


@pytest.mark.parametrize("plot", [tradeoff, against_lam])
def test_markers_of_untrained_lambdas_are_hollow(points, plot):
    hollow = [colour == PAPER for colour in plot(points).data[0].marker.color]
    assert hollow == [not p["trained"] for p in points]


def test_points_at_one_place_have_one_name(points):
    apart = tradeoff(points).data[0].text
    there = {side: points[0][side] for side in ("clean", "robust")}
    near = [points[0], *(point | there for point in points[1:3]), *points[3:]]
    assert tradeoff(near).data[0].text == (f"λ 0 to {points[2]['lam']:g}", "", "", *apart[3:])


def test_names_of_two_points_near_one_another_stand_apart(points):
    high = max(point["clean"] for point in points) - min(point["clean"] for point in points)
    near = [
        points[0],
        points[1] | {"clean": points[0]["clean"] - 0.03 * high, "robust": points[0]["robust"]},
        *points[2:],
    ]
    curve = tradeoff(near).data[0]
    assert all(curve.text[:2])
    assert curve.textposition[0] != curve.textposition[1]


def test_a_point_that_was_not_measured_does_not_move_the_names(points):
    wanting = [*points, points[-1] | {"robust": None, "robust_interval": None}]
    assert tradeoff(wanting).data[0].textposition[: len(points)] == tradeoff(points).data[0].textposition


@pytest.mark.parametrize("plot", [tradeoff, against_lam])
def test_ring_of_the_slider_is_the_last_trace_and_starts_empty(points, plot):
    assert len(plot(points).data[-1].x) == 0


def test_only_the_widest_of_many_widths_has_bars_and_names_and_no_width(points):
    several = [point | {"width": width} for width in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5) for point in points]
    assert [bool(line.error_x.array) for line in tradeoff(several).data[:6]] == [True, *[False] * 5]
    names = [line.name for line in against_lam(several).data[:12:2]]
    assert names == ["clean", *(f"clean, width {width}" for width in (0.9, 0.8, 0.7, 0.6, 0.5))]


def test_validation_has_one_line_per_lambda(parts):
    figures = {name: figure for name, _, figure in training(parts["epochs"])}
    assert [line.name for line in figures["val-robust"].data] == ["0", "0.1", "0.2", "0.3", "0.4", "1"]


def test_quantity_that_was_never_recorded_has_no_curve(parts):
    epochs = [epoch | {"gradient": None, "val": []} for epoch in parts["epochs"]]
    names = [name for name, _, _ in training(epochs)]
    assert names == ["loss", "accuracies", "lr", "seconds"]
