"""Where a part of `gpu.py` is played, and until when."""

from __future__ import annotations

import time

import torch


class Place:
    """Where a part is played, and until when.

    Args:
        device: of the networks.
        seconds: that the part may take.
        quick: whether everything is as small as it can be, to see whether it runs.
        data: name of the images, as `robustdial train --data` takes it; None for the digits.
    """

    def __init__(self, device: torch.device, seconds: float, quick: bool = False, data: str | None = None) -> None:
        self.device, self.quick, self.data = device, quick, data
        self._end = time.perf_counter() + seconds
        self.left_out: list[str] = []
        """What did not fit into the time."""

    @property
    def seconds_left(self) -> float:
        return self._end - time.perf_counter()

    def fits(self, what: str, seconds: float = 0.0) -> bool:
        """Whether `what` fits into the time that is left; it is named if not."""
        if self.seconds_left > seconds:
            return True
        self.left_out.append(what)
        return False

    def done(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
