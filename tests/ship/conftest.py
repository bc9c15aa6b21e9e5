"""Whoever ships exports often."""

import pytest
import torch


@pytest.fixture(autouse=True)
def uncompiled():
    """For every test, not for every file."""
    torch.compiler.reset()
