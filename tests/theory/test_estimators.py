"""The theorems on the four estimators, on random problems and on staircases of any size."""

from types import SimpleNamespace

import numpy as np
import pytest

from robustdial.theory import (
    Labelled,
    Staircase,
    augmented,
    long_tail,
    robust_error,
    rst,
    standard,
    standard_error,
    x_regularised,
)

SEEDS = range(60)


def four(p):
    """All estimators of a problem."""
    return {
        "standard": standard(p.labelled, p.norm),
        "augmented": augmented(p.labelled, p.extra, p.norm),
        "x-regularised": x_regularised(p.labelled, p.extra, p.norm, p.covariance),
        "rst": rst(p.labelled, p.extra, p.norm, p.covariance, p.population.points),
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_all_interpolate_the_labelled_points_and_all_but_one_the_extra(problem, seed):
    p = problem(seed)
    for name, theta in four(p).items():
        np.testing.assert_allclose(p.labelled.x @ theta, p.labelled.y, atol=1e-8, err_msg=name)
        if name != "standard":
            np.testing.assert_allclose(p.extra.x @ theta, p.extra.y, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_neither_x_regularisation_nor_self_training_raises_the_standard_error(problem, seed):
    p = problem(seed)
    errors = {name: standard_error(theta, p.population) for name, theta in four(p).items()}
    slack = 1e-9 * (1 + errors["standard"])
    assert errors["x-regularised"] <= errors["standard"] + slack
    assert errors["rst"] <= errors["x-regularised"] + slack  # a smaller set around the truth


@pytest.mark.parametrize("seed", SEEDS)
def test_self_training_is_alike_within_groups_so_its_robust_error_is_its_standard_error(problem, seed):
    p = problem(seed)
    theta = four(p)["rst"]
    predictions = p.population.points @ theta
    np.testing.assert_allclose(predictions, predictions[:, :1].repeat(3, 1), atol=1e-8)
    assert robust_error(theta, p.population) == pytest.approx(standard_error(theta, p.population), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_solver_finds_the_same(problem, kkt, seed):
    p, nowhere = problem(seed), np.zeros_like(problem(seed).truth)
    both = p.labelled + p.extra
    alike = (p.population.points[:, 1:] - p.population.points[:, :1]).reshape(-1, len(nowhere))
    x, y = np.concatenate([both.x, alike]), np.concatenate([both.y, np.zeros(len(alike))])
    found = four(p)
    again = {
        "standard": kkt(p.labelled.x, p.labelled.y, p.norm, nowhere),
        "augmented": kkt(both.x, both.y, p.norm, nowhere),
        "x-regularised": kkt(both.x, both.y, p.covariance, found["standard"]),
        "rst": kkt(x, y, p.covariance, found["standard"]),
    }
    for name, theta in again.items():
        np.testing.assert_allclose(found[name], theta, atol=1e-6, err_msg=name)


def test_augmentation_raises_the_standard_error_of_some_problems(problem):
    def rises(p):
        augmented_error = standard_error(augmented(p.labelled, p.extra, p.norm), p.population)
        return augmented_error > 1.01 * standard_error(standard(p.labelled, p.norm), p.population)

    assert 0 < sum(rises(problem(seed)) for seed in SEEDS) < len(SEEDS)


@pytest.mark.parametrize("seed", range(10))
def test_augmentation_comes_nearer_to_the_truth_in_its_norm_even_where_its_error_rises(problem, error, seed):
    p = problem(seed)
    before, after = standard(p.labelled, p.norm), augmented(p.labelled, p.extra, p.norm)
    assert error(after, p.truth, p.norm) <= error(before, p.truth, p.norm) + 1e-9


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_do_not_matter(problem, scale):
    p = problem(3)
    x, y, x_ext, y_ext = p.labelled.x, p.labelled.y, p.extra.x, p.extra.y
    scaled, scaled_extra = Labelled(scale * x, scale * y), Labelled(scale * x_ext, scale * y_ext)
    rules = {
        "of the norm": (p.labelled, p.extra, scale * p.norm, p.covariance),
        "of the population": (p.labelled, p.extra, p.norm, scale * p.covariance),
        "of the equations": (scaled, scaled_extra, p.norm, p.covariance),
        "of the targets": (Labelled(x, scale * y), Labelled(x_ext, scale * y_ext), p.norm, p.covariance),
    }
    for what, rule in rules.items():
        expected = x_regularised(p.labelled, p.extra, p.norm, p.covariance)
        expected = scale * expected if what == "of the targets" else expected
        np.testing.assert_allclose(x_regularised(*rule) / expected, 1, rtol=1e-7, err_msg=what)


def test_a_rotation_of_the_features_rotates_the_estimators(problem):
    p = problem(5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(len(p.truth), len(p.truth))))[0]
    turned = x_regularised(
        Labelled(p.labelled.x @ turn, p.labelled.y),
        Labelled(p.extra.x @ turn, p.extra.y),
        turn.T @ p.norm @ turn,
        turn.T @ p.covariance @ turn,
    )
    np.testing.assert_allclose(turn @ turned, four(p)["x-regularised"], atol=1e-8)


def test_points_given_twice_change_nothing(problem):
    p = problem(7)
    again = rst(
        p.labelled + p.labelled,
        p.extra + p.extra,
        p.norm,
        p.covariance,
        np.concatenate([p.population.points, p.population.points[:, ::-1]]),
    )
    np.testing.assert_allclose(again, four(p)["rst"], atol=1e-8)


@pytest.mark.parametrize("stairs", [2, 4, 7, 13, 30])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_theorems_hold_on_any_staircase(stairs, share):
    paper, seen = Staircase(stairs), range(max(1, int(share * stairs)))
    everyone = paper.population(0.1, long_tail(stairs))
    labelled, extra = paper.labelled(seen), paper.extra(seen)
    first = standard_error(standard(labelled, paper.norm), everyone)
    assert standard_error(x_regularised(labelled, extra, paper.norm, everyone.covariance), everyone) <= first + 1e-9
    theta = rst(labelled, extra, paper.norm, everyone.covariance, everyone.points)
    assert standard_error(theta, everyone) <= first + 1e-9
    assert robust_error(theta, everyone) == pytest.approx(standard_error(theta, everyone), abs=1e-9)


@pytest.mark.parametrize(
    ("stairs", "seen", "errors"),
    [
        (
            Staircase(7, (-4, -3, -2)),
            4,
            [(0.0262793, 0.257459), (1.62799, 2.66739), (0.00747094, 0.0693758), (0.00226453, 0.00226453)],
        ),
        (
            Staircase(10),
            5,
            [(0.0242567, 0.242224), (3.86505, 4.52451), (0.00102051, 0.00986277), (4.72776e-5, 4.72776e-5)],
        ),
    ],
)
def test_known_errors_of_two_staircases(stairs, seen, errors):
    everyone = stairs.population(0.1, long_tail(stairs.stairs))
    p = SimpleNamespace(
        norm=stairs.norm,
        labelled=stairs.labelled(range(seen)),
        extra=stairs.extra(range(seen)),
        covariance=everyone.covariance,
        population=everyone,
    )
    found = [(standard_error(theta, everyone), robust_error(theta, everyone)) for theta in four(p).values()]
    np.testing.assert_allclose(found, errors, rtol=5e-6)


def test_nothing_is_left_to_learn_when_all_stairs_are_labelled():
    paper = Staircase(6)
    everyone, all_of_it = paper.population(0.3, long_tail(6)), range(6)
    theta = augmented(paper.labelled(all_of_it), paper.extra(all_of_it), paper.norm)
    assert robust_error(theta, everyone) < 1e-18


def test_the_norm_of_the_staircase_is_zero_on_straight_lines_only():
    paper = Staircase(5)
    straight, bent = 3 * np.arange(12.0) - 1, np.arange(12.0) ** 2
    assert abs(straight @ paper.norm @ straight) < 1e-9 < bent @ paper.norm @ bent
    np.testing.assert_allclose(paper.features(np.linspace(0, 4.5, 19)).sum(1), 1)


ONE, TWO = Labelled([[1, 0]], [1]), Labelled([[1, 0]], [2])


@pytest.mark.parametrize(
    ("wrong", "words"),
    {
        "contradiction": (lambda: augmented(ONE, TWO, np.eye(2)), "equal features equal targets"),
        "a target for nothing": (lambda: standard(Labelled([[0, 0]], [1]), np.eye(2)), "misses one by 1"),
        "two targets in a group": (
            lambda: rst(ONE, Labelled([[0, 1]], [2]), np.eye(2), np.eye(2), [[[1, 0], [0, 1]]]),
            "only points with equal targets into a group",
        ),
        "features of two lengths": (lambda: ONE + Labelled([[1, 2, 3]], [0]), r"must have shape \[any, 2\]"),
        "a norm of another size": (lambda: standard(ONE, np.eye(3)), r"norm has shape \[3, 3\]; .* \[2, 2\]"),
        "a covariance of another size": (
            lambda: x_regularised(ONE, ONE, np.eye(2), np.eye(3)),
            r"covariance has shape \[3, 3\]",
        ),
        "an indefinite norm": (lambda: standard(ONE, np.diag([1, -1])), "positive semidefinite"),
        "targets missing": (lambda: Labelled([[1, 0]], [1, 2]), r"y has shape \[2\]"),
        "not a number": (lambda: Labelled([[1, np.nan]], [1]), "not finite"),
        "a negative weight": (lambda: Staircase(2).population(0.1, [1, -1]), "0 times or more"),
        "no stairs": (lambda: Staircase(0), "at least 1"),
        "half a stair": (lambda: Staircase(2.5), "whole number"),
        "two knots": (lambda: Staircase(2, (-2, -1)), "ascending"),
        "knots the wrong way": (lambda: Staircase(2, (-1, -2, -3)), "ascending"),
        "beyond the stairs": (lambda: Staircase(2).features([1.75]), "0 to 1.5"),
        "a shift beyond 1": (lambda: Staircase(2).population(1.1, [1, 1]), "probability"),
    }.values(),
)
def test_wrong_input_is_refused_in_words(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
