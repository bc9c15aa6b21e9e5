"""Random noiseless problems in which everything may be rank deficient, and a second way to solve them."""

from dataclasses import dataclass

import numpy as np
import pytest

from robustdial.theory import Labelled, Population


@dataclass(frozen=True)
class Problem:
    truth: np.ndarray
    norm: np.ndarray
    labelled: Labelled
    extra: Labelled
    population: Population

    @property
    def covariance(self):
        return self.population.covariance


def form(rng, size, rank):
    root = rng.normal(size=(size, rank))
    return root @ root.T / size


@pytest.fixture
def problem():
    """`problem(seed)`: a truth that is alike within the groups, and points that tell less than all of it."""

    def draw(seed):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(4, 12))
        truth = rng.normal(size=d)
        size = int(rng.integers(d // 2, 2 * d))
        points = np.repeat(rng.normal(size=(size, 1, d)), 3, axis=1)
        shifts = rng.normal(size=(2, d))
        shifts -= np.outer(shifts @ truth, truth) / (truth @ truth)  # the truth does not change along them
        points[:, 1:] += rng.normal(size=(size, 2, 1)) * shifts
        population = Population(points, points[:, 0] @ truth, rng.exponential(size=(size, 3)))
        n, m = rng.integers(1, max(2, d // 2), size=2)
        x = np.concatenate([points[:n, 0], points[:1, 0]])  # one point twice
        x_ext = np.concatenate([points[:n, 1], rng.normal(size=(m, d))])
        norm = form(rng, d, int(rng.integers(d // 2, d + 1)))
        return Problem(truth, norm, Labelled(x, x @ truth), Labelled(x_ext, x_ext @ truth), population)

    return draw


@pytest.fixture
def kkt():
    """min (theta - to)' metric (theta - to) subject to a theta = b, by one least-squares solution of the KKT system."""

    def solve(a, b, metric, to):
        metric = metric / np.abs(metric).max()
        system = np.block([[metric, a.T], [a, np.zeros((len(a), len(a)))]])
        return np.linalg.lstsq(system, np.concatenate([metric @ to, b]), rcond=1e-12)[0][: len(to)]

    return solve


@pytest.fixture
def error():
    """(theta - theta*)' S (theta - theta*)"""
    return lambda theta, truth, covariance: (theta - truth) @ covariance @ (theta - truth)
