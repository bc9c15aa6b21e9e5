"""Processes that another loop has brought together: Lightning's, accelerate's, or one's own."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class Joined:
    """One process of the group that `torch.distributed` has open: what `Several` asks of a meeting."""

    @property
    def rank(self) -> int:
        """Number of this process."""
        return dist.get_rank()

    @property
    def size(self) -> int:
        """Number of processes."""
        return dist.get_world_size()

    def told(self, what: str, word: str) -> list[str]:
        """What every process has to say about something, in the order of their numbers."""
        own = torch.tensor(list(word.encode()), dtype=torch.uint8)
        lengths = self._of_all(torch.tensor([len(own)]))
        letters = own.new_zeros(int(max(lengths)))
        letters[: len(own)] = own
        found = zip(self._of_all(letters), lengths, strict=True)
        return [bytes(text[: int(length)].tolist()).decode() for text, length in found]

    def broken(self, error: Exception) -> ConnectionError:
        """What to say when a step that all take together fails."""
        why = (str(error).splitlines() or [""])[0][:120]
        return ConnectionError(f"The processes have lost each other ({why}). Start all of them again.")

    def _of_all(self, own: Tensor) -> list[Tensor]:
        found = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(found, own)
        return found


def check_backends() -> None:
    """Raise ValueError unless the open group takes tensors of the processor, also where it is of accelerators."""
    if "cpu" not in dist.get_backend_config():
        raise ValueError(
            f"The processes are joined by {dist.get_backend()} alone, and some of what they tell each other is on the "
            "CPU. Open the group before: torch.distributed.init_process_group('cpu:gloo,cuda:nccl')."
        )
