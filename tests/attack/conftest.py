"""Shared by the tests of attacks: a network worth attacking."""

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn


@pytest.fixture(scope="session")
def digits():
    """A small network that knows the digits, images it has not seen and gets right, and their classes."""
    torch.manual_seed(0)
    bunch = load_digits()
    x, y = torch.from_numpy(bunch.images).float()[:, None] / 16, torch.from_numpy(bunch.target).long()
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    net.double()  # so that every processor gets the same network
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[:1000].double()), y[:1000]).backward()
        optimizer.step()
    net.float().eval()
    with torch.no_grad():
        seen = net(x[1000:1200]).argmax(1) == y[1000:1200]
    assert seen.float().mean() > 0.8
    return net, x[1000:1200][seen], y[1000:1200][seen]
