"""The small store that all processes of a training reach: one of them keeps it, or their launcher does."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta
from typing import Any

import torch.distributed as dist


def kept_store(port: int, patience: float) -> Any:
    """A store that this process keeps at a port of its machine. Raises ConnectionError if it cannot have that port."""
    try:
        return _store("localhost", port, patience, keep=True)
    except RuntimeError as error:
        why = "is in use by another program" if "EADDRINUSE" in str(error) else "cannot be opened"
        raise ConnectionError(f"Port {port} of this machine {why}. Choose another MASTER_PORT.") from error


def reached_store(host: str, port: int, patience: float) -> Any:
    """The store that another process keeps. Raises ConnectionError if nothing answers within so many seconds.

    PyTorch waits without end for a program that takes a call and is no store; so it waits in a thread that may be left.
    """
    until, found = time.monotonic() + patience, []
    while not _listens(host, port):
        if time.monotonic() > until:
            raise ConnectionError(f"nobody listens at {host}:{port}")
        time.sleep(0.05)

    def reach() -> None:
        try:
            found.append(_store(host, port, max(until - time.monotonic(), 1.0), keep=False))
        except RuntimeError as error:
            found.append(error)

    waiting = threading.Thread(target=reach, daemon=True)
    waiting.start()
    waiting.join(max(until - time.monotonic(), 1.0))
    if not found or isinstance(found[0], Exception):
        raise ConnectionError(f"what listens at {host}:{port} does not answer")
    return found[0]


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _store(host: str, port: int, patience: float, keep: bool) -> Any:
    pace = timedelta(seconds=patience)
    return dist.TCPStore(host, port, is_master=keep, timeout=pace, wait_for_workers=False)  # type: ignore[attr-defined]
