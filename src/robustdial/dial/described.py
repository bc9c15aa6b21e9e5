"""Which dial weights are for: it stands among them, in words, and weights of another dial are refused."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from robustdial.record import DESCRIBED


def describe_in(model: nn.Module, kind: str, lambdas: tuple[float, ...], codes: str = "") -> None:
    """Keep kind, lambdas and codes of a dial among the buffers of its network, and look at them where weights are
    loaded. Weights that say nothing, of earlier versions, are taken."""
    text = f"{kind} at {', '.join(f'{lam:.6g}' for lam in lambdas)}{codes and f' in {codes}'}"
    like = next(model.parameters(), torch.empty(0))
    model.register_buffer(DESCRIBED, torch.tensor(list(text.encode()), dtype=torch.uint8, device=like.device))
    model.register_load_state_dict_pre_hook(_look)  # type: ignore[no-untyped-call]


def _look(model: nn.Module, tensors: dict[str, Any], prefix: str, *rest: object) -> None:
    own, key = model.get_buffer(DESCRIBED), f"{prefix}{DESCRIBED}"
    theirs = tensors.setdefault(key, own)
    if _text(theirs) != _text(own):
        raise ValueError(
            f"These weights are of another dial: {_text(theirs)}; here it is {_text(own)}. Make the dial that they "
            "were trained with."
        )


def _text(described: Tensor) -> str:
    return bytes(described.tolist()).decode(errors="replace")
