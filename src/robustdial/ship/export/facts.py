"""What a file says of the network in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from robustdial.ship.export.feeding import feeding
from robustdial.typing import Json

_KEY = "robustdial"


@dataclass(frozen=True)
class Facts:
    """Enough to build the network again and to feed it; travels inside every file.

    Attributes:
        model: its name, as `robustdial.models.build` takes it.
        stage: channels of its first stage; None for a network of timm.
        classes: their names, in the order of the logits.
        shape: (C, H, W) of an image.
        mean, std: of its first layer, per channel of pixels in [0, 1].
        lam, width: where the dial stood; lam is None for a network that had none.
        background: colour that shows through transparent pixels.
        call: how a file of the user's builds the network, as Python: `build(classes=2)`; empty for others.

    >>> facts = Facts("cnn", 8, ("cat", "dog"), (1, 8, 8), (0.5,), (0.25,), 0.2, 1.0)
    >>> Facts.of(facts.header()) == facts
    True
    """

    model: str
    stage: int | None
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    lam: float | None
    width: float
    background: str = "white"
    call: str = ""

    def header(self) -> dict[str, str]:
        """As the metadata of a file: the facts, how an image becomes its input, and the classes, each as JSON."""
        fed = feeding(self.shape, self.background)
        return {_KEY: json.dumps(asdict(self)), "preprocess": json.dumps(fed), "classes": json.dumps(self.classes)}

    @classmethod
    def read(cls, values: Mapping[str, Json]) -> Facts:
        """Back from JSON that holds them, among other things."""
        known: dict[str, Any] = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        frozen: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in known.items()}
        return cls(**frozen)

    @classmethod
    def of(cls, header: dict[str, str]) -> Facts:
        """Back from the metadata of a file. Raises ValueError if they are not ours."""
        try:
            return cls.read(json.loads(header[_KEY]))
        except (KeyError, TypeError, json.JSONDecodeError):
            raise ValueError("The file does not say which network it holds. Bake it again.") from None
