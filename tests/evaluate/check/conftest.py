"""Honest networks, trained on the digits in seconds, and images to look at them with."""

import sys
from pathlib import Path

import pytest
import torch

from robustdial.data import load, unit
from robustdial.dial import dial
from robustdial.models import build
from robustdial.recipes import clean, oat, pgd_at
from robustdial.training.engine import TrainState, fit
from robustdial.training.rate import cosine

sys.path.append(str(Path(__file__).parent))  # for `broken`, the table that the benchmark shares


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture(scope="session")
def probe(digits):
    """`probe(n, seed)`: test images and their labels."""

    def draw(n, seed=0):
        chosen = torch.randperm(len(digits.test), generator=torch.Generator().manual_seed(seed))[:n]
        ((x, y),) = digits.test.batches([chosen])
        return unit(x), y

    return draw


@pytest.fixture(scope="session")
def honest(digits):
    """Networks by name: standard, adversarial, and a dialed one."""

    def train(method, epochs, dialed=False):
        torch.manual_seed(0)
        net = build("cnn", classes=10, shape=digits.shape, mean=digits.mean, std=digits.std, width=8)
        net = dial(net, method.dial) if dialed else net
        for _ in fit(TrainState.new(net, rate=cosine), digits, method, epochs=epochs, batch=128):
            pass
        return net.eval()

    return {
        "standard": train(clean(), 5),
        "adversarial": train(pgd_at(eps=0.15, step=0.1, steps=2), 4),
        "dialed": train(oat(eps=0.15, steps=2), 4, dialed=True),
    }
