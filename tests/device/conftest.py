"""The device on which everything of this room is played."""

import contextlib
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
# for `elsewhere`, and for the tables of what there is
sys.path += [str(HERE), str(HERE.parent / "contracts"), str(HERE.parent / "attack")]


@pytest.fixture
def there(monkeypatch):
    """A device that counts who waits for it. It knows no lower precision, which is switched off where asked for."""
    from elsewhere import Elsewhere

    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    with Elsewhere() as device:
        yield device
