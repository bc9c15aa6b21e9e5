"""The choice among measured points, as a table."""

from types import SimpleNamespace

import pytest

from robustdial.dial import Dials
from robustdial.study.tradeoff import Targets, decide, first_positions, next_position

LAMS = (0.0, 0.2, 0.4, 1.0)
MACS = {0.5: 30, 1.0: 100}


def point(lam, width, clean, robust):
    half = 0.02
    return {
        "lam": lam,
        "width": width,
        "clean": clean,
        "clean_interval": [clean - half, clean + half],
        "robust": robust,
        "robust_interval": [robust - half, robust + half],
        "macs": MACS[width],
        "parameters": 10 * MACS[width],
        "latency": MACS[width] * 1e-5,
        "latency_quartiles": [MACS[width] * 0.9e-5, MACS[width] * 1.2e-5],
    }


WIDE = [
    point(lam, 1.0, *both) for lam, both in zip(LAMS, [(0.96, 0.1), (0.94, 0.3), (0.93, 0.4), (0.9, 0.5)], strict=True)
]
THIN = [
    point(lam, 0.5, *both)
    for lam, both in zip(LAMS, [(0.94, 0.1), (0.92, 0.25), (0.91, 0.35), (0.87, 0.4)], strict=True)
]
POINTS = [*WIDE, *THIN]


@pytest.mark.parametrize(
    ("targets", "chosen", "met"),
    [
        ({"clean_min": 0.92}, (0.4, 1.0), True),  # the most robust of those
        ({"clean_min": 0.93}, (0.4, 1.0), True),  # equality meets
        ({"clean_min": 0.95}, (0.0, 1.0), True),
        ({"robust_min": 0.35}, (0.4, 1.0), True),  # the cleanest of those, not the most robust
        ({"robust_min": 0.1}, (0.0, 1.0), True),
        ({"clean_min": 0.9, "robust_min": 0.4}, (0.4, 1.0), True),
        ({"clean_min": 0.9, "macs_max": 50}, (0.4, 0.5), True),
        ({"width_max": 0.75}, (1.0, 0.5), True),  # nothing but a cost: the most robust
        ({"params_max": 300}, (1.0, 0.5), True),
        ({"latency_max": 0.0005, "robust_min": 0.3}, (0.4, 0.5), True),
        ({"robust_min": 0.6}, (1.0, 1.0), False),
        ({"clean_min": 0.99}, (0.0, 1.0), False),
        ({"clean_min": 0.95, "robust_min": 0.4}, (0.4, 1.0), False),  # 2 % off beside 100 % and 25 %
        ({"macs_max": 20}, (1.0, 0.5), False),
    ],
)
def test_choice(targets, chosen, met):
    choice = decide(POINTS, Targets(**targets))
    assert (choice.met, choice.point["lam"], choice.point["width"]) == (met, *chosen)


def test_the_order_of_the_points_does_not_matter():
    targets = Targets(clean_min=0.92)
    assert decide(POINTS[::-1], targets) == decide(POINTS, targets)


def test_of_equals_the_cheapest_is_chosen_and_then_the_cleaner():
    equals = [point(0.4, 1.0, 0.95, 0.4), point(1.0, 0.5, 0.93, 0.4), point(0.4, 0.5, 0.94, 0.4)]
    assert decide(equals, Targets(clean_min=0.9)).point == equals[2]


def test_a_check_says_by_how_much_and_whether_beyond_the_interval():
    targets = Targets(clean_min=0.92, robust_min=0.35, macs_max=50, latency_max=0.0011)
    clean, robust, latency, macs = decide(WIDE[2:3], targets).checks
    assert (clean.met, clean.sure) == (True, False)
    assert (robust.met, robust.sure) == (True, True)
    assert (latency.met, latency.sure) == (True, False)  # its upper quartile is above
    assert (macs.met, macs.miss) == (False, 1.0)


@pytest.mark.parametrize(
    ("points", "targets", "position"),
    [
        (WIDE, {"clean_min": 0.92}, (0.7, 1.0)),  # 0.4 is clean enough, 1 is not
        (WIDE, {"clean_min": 0.95}, (0.1, 1.0)),
        (WIDE, {"robust_min": 0.35}, (0.3, 1.0)),
        (WIDE, {"robust_min": 0.05}, None),  # lambda 0 has it: nothing is cleaner
        (WIDE, {"clean_min": 0.8}, None),  # lambda 1 has it: nothing is more robust
        (WIDE, {"clean_min": 0.99}, None),  # out of reach everywhere
        (WIDE, {"macs_max": 100}, None),
        (POINTS, {"clean_min": 0.915, "macs_max": 50}, (0.3, 0.5)),
        (THIN, {"clean_min": 0.92}, None),  # 0.2 has just that
        (THIN, {"clean_min": 0.915, "robust_min": 0.3}, (0.3, 0.5)),  # met by neither, perhaps between them
        (WIDE, {"clean_min": 0.99, "robust_min": 0.35}, None),
        ([point(0.4, 1.0, 0.93, 0.4), point(0.41, 1.0, 0.9, 0.5)], {"clean_min": 0.92}, None),  # too near
        ([WIDE[0] | {"lam": None}], {"clean_min": 0.97}, None),
    ],
    ids=lambda value: f"{len(value)} points" if isinstance(value, list) else str(value),
)
def test_the_next_measurement_is_where_it_can_still_win(points, targets, position):
    assert next_position(points, Targets(**targets)) == position


def test_a_width_that_cannot_win_is_left_alone():
    behind = [point(0.0, 0.5, 0.94, 0.1), point(1.0, 0.5, 0.9, 0.3)]
    ahead = [point(0.0, 1.0, 0.95, 0.1), point(1.0, 1.0, 0.93, 0.35)]
    assert next_position(behind + ahead, Targets(clean_min=0.92)) is None
    assert next_position(behind, Targets(clean_min=0.92)) == (0.5, 0.5)


def test_bisection_arrives_at_the_best_lambda():
    def measured(lam):
        return point(lam, 1.0, 0.95 - 0.1 * lam, 0.1 + 0.5 * lam)

    points, targets = [measured(0.0), measured(1.0)], Targets(clean_min=0.92)
    while position := next_position(points, targets):
        points.append(measured(position[0]))
    assert decide(points, targets).point["lam"] == pytest.approx(0.3, abs=0.02)
    assert len(points) <= 9


def looked_at(targets, dial, costs):
    """Where a search begins, given what each position costs."""
    rows = [{"lam": lam, "width": width, "macs": macs} for (lam, width), macs in costs.items()]
    ledger = SimpleNamespace(experiment=SimpleNamespace(method=SimpleNamespace(dial=dial)), cost={"costs": rows})
    return [tuple(position) for position in first_positions(ledger, targets)]


def test_widths_too_dear_are_not_measured():
    dial, costs = Dials((0, 1), (0.5, 1)), {(0.0, 1.0): 100, (0.0, 0.5): 30}
    thin, wide = [(0.0, 0.5), (1.0, 0.5)], [(0.0, 1.0), (1.0, 1.0)]
    assert looked_at(Targets(macs_max=50, clean_min=0.9), dial, costs) == thin
    assert looked_at(Targets(clean_min=0.9), dial, costs) == wide + thin
    assert looked_at(Targets(macs_max=10), dial, costs) == thin  # the nearest


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({}, "at least one of --clean-min, --robust-min"),
        ({"clean_min": 92}, "Write 92 % as 0.92"),
        ({"macs_max": 0}, "--macs-max 0 is not above 0"),
        ({"robust_min": -0.1}, "not above 0"),
        ({"latency_max": float("nan")}, "not a finite number"),
        ({"clean_min": float("nan")}, "not a finite number"),
    ],
)
def test_targets_that_make_no_sense_are_refused(targets, words):
    with pytest.raises(ValueError, match=words):
        Targets(**targets)
