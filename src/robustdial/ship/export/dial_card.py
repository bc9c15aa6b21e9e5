"""The model card of a network with its dial."""

from __future__ import annotations

from collections.abc import Sequence

from robustdial.report.words import counted, interval, percent, spoken
from robustdial.ship.export.card import decided, public, public_name, said, threat_in_words
from robustdial.ship.export.feeding import in_words
from robustdial.ship.export.text import literal, plain
from robustdial.typing import Json

_ABOVE = """\
---
library_name: robustdial
pipeline_tag: image-classification
tags:
- adversarial-robustness
- image-classification
- pytorch
---"""


def dial_card(about: Json, points: Sequence[Json], name: str) -> str:
    """The card in Markdown, with the header that the hub reads.

    Args:
        about: `run.json`.
        points: of `frontier.json`; none if it has not been measured.
        name: under which others load it.
    """
    data, model = public_name(about["data"]["name"]), about["model"]["name"]
    shape = ", ".join(map(str, about["data"]["shape"]))
    lambdas = about["method"]["dial"].get("lambdas")
    at = f".at({lambdas[len(lambdas) // 2]:g})  # 0 is most accurate, 1 most robust" if lambdas else ""
    told = "".join(f"\n{section}\n" for section in decided(about["data"]))
    return f"""\
{_ABOVE}

# {plain(model)} on {plain(data)}, {about["recipe"]}

{_origin(about)}

## Use

```python
import robustdial as rd
from preprocess import CLASSES, preprocess  # preprocess.py, beside the weights

f = rd.from_pretrained({literal(name)}){at}
images = preprocess("photo.jpg")  # float32 [B, {shape}], pixels in [0, 1]; normalisation is inside
print(CLASSES[int(f(images).argmax())])
```

`from_pretrained` executes nothing. `preprocess.py` is to be read, and put where Python finds it; from the hub it comes
by `hf download user/name preprocess.py --local-dir .`

What it does to an image:

{in_words(about["data"]["shape"], about["run"].get("background", "white"))}

Classes in order: {plain(", ".join(about["data"]["classes"]))}.
{told}
## Accuracy

{_table(points) + said(points, len(about["data"]["classes"])) if points else "Not measured yet."}
"""


def _origin(about: Json) -> str:
    """How the network came about."""
    knobs, parameters = plain(spoken(public(about["knobs"]))[1:-1]), f"{about['model']['parameters']:,} parameters"
    if "parts" in about["model"]:
        first, second = (plain(part["name"]) for part in about["model"]["parts"])
        return f"A dial between two image classifiers, {first} and {second} ({knobs}), {parameters}."
    return f"""\
An image classifier trained against adversarial examples with robustdial, recipe `{about["recipe"]}`
({knobs}), {parameters},
{about["data"]["train"]:,} training images, {counted(about["run"]["epochs"], "epoch")}.{_before(about)}"""


def _before(about: Json) -> str:
    return f" Published before as {plain(about['published'])}." if "published" in about else ""


def _table(points: Sequence[Json]) -> str:
    first, widths = points[0], len({point["width"] for point in points}) > 1
    names = ["lambda", *(["width"] if widths else []), "clean", "95 % interval", "robust", "95 % interval"]
    rows = [names, ["---"] * len(names), *(_row(point, widths) for point in points)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""\
{table}

Robust: under {first["attack"]}, {threat_in_words(first)}; {first["n"]:,} test images, float32, Wilson intervals.
An attack gives an upper bound of robustness: a stronger one may leave less. Not measured: other norms, larger radii,
other changes of an image, images from elsewhere."""


def _row(point: Json, widths: bool) -> list[str]:
    stand = ["none" if point["lam"] is None else f"{point['lam']:.4g}", *([f"{point['width']:g}"] if widths else [])]
    measured = [(percent(point[of]), interval(point[f"{of}_interval"])) for of in ("clean", "robust")]
    return [*stand, *(cell for pair in measured for cell in pair)]
