"""`robustdial push`."""

from __future__ import annotations

from pathlib import Path

from robustdial.cli.terminal import console
from robustdial.ship.hub import push_to_hub


def push(run: Path, name: str, /, private: bool = False) -> int:
    """Publish a run's network with its dial and a card on the Hugging Face Hub: robustdial push runs/x user/name

    Args:
        run: folder of the run.
        name: user/name on the hub; made if it is not there.
        private: whether a new one can be seen by you alone.
    """
    console.print(f"published: {push_to_hub(run, name, private)}", soft_wrap=True)
    return 0
