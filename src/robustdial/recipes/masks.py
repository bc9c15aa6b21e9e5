"""The masks by name, as recipes take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from robustdial.method.threat import Mask
from robustdial.method.threat.mask import Border, Dark, Unsalient

MaskName = Literal["dark", "border", "saliency"]


def mask_of(name: MaskName, threshold: float, frame: float, percentile: float, guide: str) -> Mask:
    """The mask of a name, with its knob.

    The network of `saliency` is not opened here, for recipes know no runs: `robustdial.run` fills it in.

    Raises:
        ValueError: a knob out of range, `saliency` without the folder of a run, or another mask with one.

    >>> mask_of("border", 0.0, 0.25, 50, "")
    Border(share=0.25)
    """
    if bool(guide) != (name == "saliency"):
        raise ValueError(
            "mask saliency asks a trained network: give --guide RUN, the folder of a run on the same data."
            if name == "saliency"
            else f"guide={guide}: mask {name} asks no network. Leave it out, or choose --mask saliency."
        )
    makers: dict[MaskName, Callable[[], Mask]] = {
        "dark": lambda: Dark(threshold),
        "border": lambda: Border(frame),
        "saliency": lambda: Unsalient(None, percentile, guide),
    }
    return makers[name]()
