from __future__ import annotations

import pytest

from robustdial.report.heat import crossed, surface


def test_surface_has_a_cell_for_every_point_and_gaps_between(make_point):
    points = [make_point(lam, 0.9, 0.1 + lam / 2, True, width) for lam, width in [(0.0, 1.0), (1.0, 1.0), (1.0, 0.5)]]
    robust, clean = surface(points).data
    assert list(robust.x) == ["0", "1"]
    assert list(robust.y) == ["0.5", "1"]
    assert [list(row) for row in robust.z] == [[None, 60.0], [10.0, 60.0]]
    assert [list(row) for row in clean.z] == [[None, 90.0], [90.0, 90.0]]


def test_crossing_has_a_row_per_adversary_and_the_summaries_last(crossing):
    (cells,) = crossed(crossing).data
    assert list(cells.y) == ["0", "0.2", "1", "mixture", "all of them"]
    assert list(cells.x) == ["0", "0.2", "1", "random"]
    assert list(cells.z[3]) == pytest.approx([15.0, 40.0, 49.0, 34.7])
    assert list(cells.z[4]) == pytest.approx([8.0, 38.0, 46.0, 33.0])
