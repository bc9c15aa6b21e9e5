"""The paper's numbers on the staircase, as worked out apart from this library."""

import numpy as np
import pytest

from robustdial.theory import (
    Staircase,
    augmented,
    directions,
    long_tail,
    robust_error,
    rst,
    standard,
    standard_error,
    x_regularised,
)

CLOSE = 1e-8
"""The file has all digits; between two solvers, the condition of the splines costs some."""


@pytest.fixture(scope="module")
def oracle(published):
    return published("rst_oracle")


@pytest.fixture(params=["fig2", "tradeoff", "tradeoff_shift_01"])
def case(request, oracle):
    return oracle["cases"][request.param]


def paper(case):
    """The staircase of a case, its four estimators, and the population of its errors."""
    stairs = Staircase(case["num_stairs"], tuple(case["left_boundary_knots"]))
    labelled, extra = stairs.labelled(case["labelled"]), stairs.extra(case["labelled"])
    weights = long_tail(stairs.stairs)
    tested = stairs.population(case["test_shift_weight"], weights)
    unlabelled = stairs.population(case["unlabelled_shift_probability"], weights)
    estimators = {
        "standard_estimator": standard(labelled, stairs.norm),
        "augmented_estimator": augmented(labelled, extra, stairs.norm),
        "x_regularised": x_regularised(labelled, extra, stairs.norm, tested.covariance),
        "rst": rst(labelled, extra, stairs.norm, unlabelled.covariance, unlabelled.points),
    }
    return stairs, estimators, tested


def test_errors_are_the_papers(case):
    stairs, estimators, tested = paper(case)
    for name, theta in estimators.items():
        assert standard_error(theta, tested) == pytest.approx(case[name]["std"], rel=CLOSE), name
        assert robust_error(theta, tested) == pytest.approx(case[name]["rob"], rel=CLOSE), name
        assert theta @ stairs.norm @ theta == pytest.approx(case[name]["seminorm"], rel=CLOSE), name


def test_predictions_at_the_stairs_are_the_papers(case):
    stairs, estimators, _ = paper(case)
    for short, name in (("standard", "standard_estimator"), ("augmented", "augmented_estimator"), ("rst", "rst")):
        predictions = stairs.features(range(stairs.stairs)) @ estimators[name]
        np.testing.assert_allclose(predictions, case["prediction_at_stairs"][short], atol=1e-6)


def test_splines_are_the_papers(case):
    stairs, check = paper(case)[0], case["basis_check"]
    np.testing.assert_allclose(stairs.features(check["x"]), check["basis"], atol=1e-9)


def test_unsafe_directions_are_the_papers(oracle):
    for known in oracle["directions"]:
        found = directions(known["theta_star_in_null_space"], np.diag(known["sigma_diagonal"]))
        assert found.safe_fraction == pytest.approx(known["safe_fraction_of_directions"], rel=1e-5)
        assert found.boundaries == pytest.approx(known["boundaries_degrees"], rel=1e-5)
