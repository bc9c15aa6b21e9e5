"""What was measured as a table of Markdown, LaTeX or CSV."""

from __future__ import annotations

import csv

import pytest

from robustdial.cli import main
from robustdial.report.words import NONE


def test_a_comparison_is_read_back_from_its_csv(compare, about, capsys):
    assert main.run(["table", str(compare(about)), "--format", "csv"]) == 0
    read = {row["method"]: row for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    for row in about["rows"]:
        told = read[row["label"]]
        for name, estimate in {"clean": row["clean"], "cw-20": row["robust"].get("cw-20")}.items():
            wanted = [""] * 3 if estimate is None else [estimate[end] for end in ("mean", "low", "high")]
            found = [told[f"{name}{end}"] for end in ("", " low", " high")]
            assert found == wanted if estimate is None else [*map(float, found)] == pytest.approx(wanted)


def test_a_run_has_a_row_for_each_position_in_every_form(build, parts, capsys):
    folder, said = str(build(**parts)), {}
    for form in ("markdown", "latex", "csv"):
        assert main.run(["table", folder, "--format", form]) == 0
        said[form] = capsys.readouterr().out
    points = parts["frontier"]["points"]
    rows = [row for row in csv.DictReader(said["csv"].splitlines()) if float(row["width"]) == 1]
    widest = sorted((point for point in points if point["width"] == 1), key=lambda point: point["lam"])
    assert [float(row["robust"]) for row in rows] == pytest.approx([point["robust"] for point in widest])
    for point in points:
        low, high = (f"{100 * end:.1f}" for end in point["robust_interval"])
        robust = f"{100 * point['robust']:.1f}"
        assert f"{robust} ({low}{NONE}{high})" in said["markdown"]
        assert f"{robust} ({low}--{high})" in said["latex"]
    assert said["latex"].startswith("% oat on digits. Robust is accuracy under")


def test_a_folder_without_numbers_is_one_line(build, parts, capsys):
    folder = build(**{name: part for name, part in parts.items() if name != "frontier"})
    assert main.run(["table", str(folder)]) == 2
    assert f"Measure them first: robustdial frontier {folder}" in capsys.readouterr().err
