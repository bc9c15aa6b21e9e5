"""The few names that every room shares: image and label conventions, `px`, the type of a classifier.

Everywhere in robustdial `x` is a batch of images, float `[B, C, H, W]` in [0, 1]; `y` their labels, int64 `[B]`;
`z` a perturbation; `lam` the position of the dial, 0 (accuracy) to 1 (robustness).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from robustdial.checks import checked

if TYPE_CHECKING:
    from torch import Tensor

    Classifier = Callable[[Tensor], Tensor]
    """Images `[B, C, H, W]` in [0, 1] to logits `[B, K]`."""

    Reach = Tensor | float
    """Share of a threat's radius: of each row `[B]`, or one number for all rows."""

Json = Any
"""What `json.dumps` takes: dicts with string keys, lists, strings, numbers, booleans, None."""


@checked
def px(value: float) -> float:
    """A length in grey levels (1/255) as a length in [0, 1].

    >>> px(8) == 8 / 255
    True
    """
    return value / 255


def written(radius: float) -> str:
    """A radius as people read it.

    >>> written(8 / 255), written(0.3)
    ('8/255', '0.3')
    """
    levels, short = round(radius * 255), radius == round(radius, 3)
    return f"{radius:g}" if short or not levels > 0 or abs(radius * 255 - levels) > 1e-6 else f"{levels}/255"


def __getattr__(name: str) -> Any:
    # the command line writes radii without waiting for torch, which these two need
    if name not in ("Classifier", "Reach"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch import Tensor

    globals().update(Classifier=Callable[[Tensor], Tensor], Reach=Tensor | float)
    return globals()[name]
