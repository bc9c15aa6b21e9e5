"""The closed criterion against estimators that are really fitted, and the cubic against the criterion."""

import numpy as np
import pytest

from robustdial.theory import Labelled, Staircase, augmented, directions, gain, long_tail, standard

NOTHING = np.zeros((0, 2))


def circle(count):
    angles = (np.arange(count) + 0.5) * np.pi / count
    return np.degrees(angles), np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize("seed", range(40))
def test_gain_is_what_fitting_with_and_without_the_point_gives(problem, error, seed):
    p = problem(seed)
    x_ext = np.random.default_rng(seed).normal(size=(8, len(p.truth)))
    closed = gain(p.labelled.x, x_ext, p.truth, p.norm, p.covariance)
    before = error(standard(p.labelled, p.norm), p.truth, p.covariance)
    for point, value in zip(x_ext, closed, strict=True):
        fitted = augmented(p.labelled, Labelled(point[None], [point @ p.truth]), p.norm)
        after = error(fitted, p.truth, p.covariance)
        assert value == pytest.approx(before - after, abs=1e-7 * (1 + before + after))


@pytest.mark.parametrize("seen", [[0], [3], [0, 1, 2], [0, 1, 2, 3, 4]])
def test_gain_holds_where_the_norm_does_not_see_what_is_open(error, seen):
    stairs = Staircase(10)
    truth = standard(stairs.extra(range(10)), stairs.norm)
    covariance, labelled = stairs.population(0.1, long_tail(10)).covariance, stairs.labelled(seen)
    more = stairs.features(np.arange(20) / 2)
    before = error(standard(labelled, stairs.norm), truth, covariance)
    fitted = [augmented(labelled, Labelled(x[None], [x @ truth]), stairs.norm) for x in more]
    gains = [before - error(theta, truth, covariance) for theta in fitted]
    np.testing.assert_allclose(gain(labelled.x, more, truth, stairs.norm, covariance), gains, atol=1e-8 * (1 + before))
    assert len(seen) < 5 or min(gains) < 0  # the paper's case


def test_gain_is_the_papers_formula_in_the_euclidean_norm(problem):
    p = problem(1)
    x_ext = np.random.default_rng(1).normal(size=(5, len(p.truth)))
    away = np.eye(len(p.truth)) - np.linalg.pinv(p.labelled.x) @ p.labelled.x
    u, rest = x_ext @ away, away @ p.truth
    rho = u @ rest / (u**2).sum(1)
    expected = 2 * rho * (u @ p.covariance @ rest) - rho**2 * np.einsum("md,de,me->m", u, p.covariance, u)
    np.testing.assert_allclose(gain(p.labelled.x, x_ext, p.truth, np.eye(len(rest)), p.covariance), expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_point_is_safe_where_the_norm_is_the_error_or_it_is_an_eigenvector_or_the_last(problem, seed):
    p, rng = problem(seed), np.random.default_rng(seed)
    d = len(p.truth)
    anything = rng.normal(size=(20, d))
    definite = p.covariance + np.eye(d)
    eigenvectors = np.linalg.eigh(p.covariance)[1].T
    all_but_one = rng.normal(size=(d - 1, d))
    assert gain(p.labelled.x, anything, p.truth, definite, definite).min() > -1e-9
    assert gain(np.zeros((0, d)), eigenvectors, p.truth, np.eye(d), p.covariance).min() > -1e-9
    assert gain(all_but_one, anything, p.truth, np.eye(d), p.covariance).min() > -1e-9


def test_a_point_that_the_labelled_ones_determine_gains_nothing():
    x, truth = np.array([[1.0, 2, 3], [0, 1, 1]]), [1, 2, 3]
    known = np.array([[1.0, 3, 4], [0, 0, 0], [2, 4, 6]])
    np.testing.assert_array_equal(gain(x, known, truth, np.diag([1, 2, 3]), np.eye(3)), 0)


def test_the_length_of_a_point_does_not_matter(problem):
    p = problem(2)
    x_ext = np.random.default_rng(2).normal(size=(5, len(p.truth)))
    gains = [gain(p.labelled.x, scale * x_ext, p.truth, p.norm, p.covariance) for scale in (1, -1e-6, 1e6)]
    np.testing.assert_allclose(gains[1:], [gains[0]] * 2, rtol=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_directions_are_where_the_gain_is_negative(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 2)) * [1, rng.uniform(0, 5)]
    rest, covariance = rng.normal(size=2), root.T @ root
    found, (angles, u) = directions(rest, covariance), circle(20_000)
    unsafe = np.zeros(len(angles), dtype=bool)
    for start, end in found.unsafe:
        unsafe |= (angles - start) % 180 < end - start
    assert found.safe_fraction == pytest.approx(1 - unsafe.mean(), abs=4e-4)  # up to four ends on a grid
    gains = gain(NOTHING, u, rest, np.eye(2), covariance)
    clear = np.abs(gains) > 1e-6 * np.abs(gains).max()
    np.testing.assert_array_equal(unsafe[clear], gains[clear] < 0)


def test_directions_of_the_papers_second_ellipse():
    found = directions([1, 0.2], np.diag([1, 25]))
    assert found.boundaries == pytest.approx([29.829, 76.330, 101.310, 175.151], abs=6e-4)
    assert found.safe_fraction == pytest.approx(0.331438, abs=1e-6)


@pytest.mark.parametrize(
    ("rest", "covariance", "safe"),
    [
        ([1, 0.2], np.eye(2), 1),  # errors count alike in all directions
        ([1, 0], np.diag([1, 1.9]), 1),  # along an eigenvector, and not too flat
        ([0, 0], np.diag([1, 4]), 1),  # nothing is left open
        ([1, 1], np.zeros((2, 2)), 1),  # nothing counts
        ([1, 0], np.diag([0, 1]), 0),  # nothing to gain along the rest, something to lose beside it
        ([0, 3], np.diag([6, 1]), 2 * np.arctan(0.5) / np.pi),  # a, b, c = 1, 0, 6: the cubic is 1 - 4 t^2
    ],
)
def test_directions_in_special_positions(rest, covariance, safe):
    assert directions(rest, covariance).safe_fraction == pytest.approx(safe)
    gains = gain(NOTHING, circle(20_000)[1], rest, np.eye(2), covariance)
    assert (gains >= 0).mean() == pytest.approx(safe, abs=4e-4)


def test_directions_do_not_depend_on_units():
    plain, scaled = directions([1, 0.2], np.diag([1, 4])), directions([1e-7, 2e-8], np.diag([1e9, 4e9]))
    assert scaled.boundaries == pytest.approx(plain.boundaries)
    turned = directions([-0.2, 1], np.diag([4, 1]))
    assert turned.boundaries == pytest.approx(sorted((angle + 90) % 180 for angle in plain.boundaries))
