"""The model card: what `card.json` holds, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustdial import record
from robustdial.evaluate import verdicts
from robustdial.report.words import counted, interval, is_ball, number, percent, spoken
from robustdial.ship.export.base import Format
from robustdial.ship.export.facts import Facts
from robustdial.ship.export.feeding import PREPROCESS, in_words
from robustdial.ship.export.text import plain
from robustdial.typing import Json


def card(about: Json, formats: Mapping[str, Format], preprocess: str = PREPROCESS) -> str:
    """The model card in Markdown.

    Args:
        about: what `card.json` holds.
        formats: by the names that stand in it.
        preprocess: the file beside it that makes its input.
    """
    parts = [_title(about), _accuracy(about["measured"], len(about["network"]["classes"]))]
    parts += [_several(about["several"])] if "several" in about else []
    parts += [_facts(about)]
    parts += [*decided(about["run"]), _use(about, preprocess)]
    parts += [_file(name, file, about, formats[file["format"]]) for name, file in about["files"].items()]
    return "\n\n".join(parts) + "\n"


def _kept(run: Json) -> str:
    """Which network of a training it is: who did not see the training knows it by the name it was published under."""
    kept = "networks as they came" if run["checkpoint"] == record.GIVEN else f"{run['checkpoint']} checkpoint"
    return f"published as {run['published']}" if "published" in run else kept


def threat_in_words(point: Json) -> str:
    """
    >>> threat_in_words({"threat": "Linf", "eps": 8 / 255})
    'Linf, radius 8/255'
    >>> threat_in_words({"threat": "Warp", "eps": 1.0})
    'Warp'
    """
    return f"{point['threat']}, radius {number(point['eps'])}" if is_ball(point["threat"]) else str(point["threat"])


def public_name(data: str) -> str:
    """A data set as a stranger may know it: by its name, not by where it lies on this machine.

    >>> public_name("parquet:/home/somebody/cifar10"), public_name("hf:somebody/birds")
    ('parquet:cifar10', 'hf:somebody/birds')
    """
    kind, _, place = data.partition(":")
    return f"{kind}:{Path(place).name}" if kind in ("folder", "csv", "parquet") else data


def public(value: Json) -> Json:
    """Knobs, or parts of a method, as a stranger may know them: folders by their names alone.

    >>> public({"eps": 0.1, "mask": {"type": "Unsalient", "guide": "/home/somebody/runs/guide"}})
    {'eps': 0.1, 'mask': {'type': 'Unsalient', 'guide': 'guide'}}
    """
    match value:
        case str():
            return Path(value).name if "/" in value or "\\" in value else value
        case list() | tuple():
            return [public(part) for part in value]
        case dict():
            return {key: public(part) for key, part in value.items()}
        case _:
            return value


def _title(about: Json) -> str:
    network, run = about["network"], about["run"]
    stand = "" if network["lam"] is None else f" at lambda {network['lam']:g}"
    stand += "" if network["width"] == 1 else f", width {network['width']:g}"
    dial = " Trained with a dial between accuracy and robustness, it is one position of it, as a plain network."
    origin = "" if network["lam"] is None else dial
    return (
        f"# {plain(network['model'])} on {plain(run['data'])}, {run['recipe']}{stand}\n\n"
        f"An image classifier trained against adversarial examples with robustdial, recipe `{run['recipe']}`.{origin}"
    )


def _accuracy(point: Json, classes: int) -> str:
    between = "" if point["trained"] else " This position of the dial was not trained itself."
    return f"""\
## Accuracy

{_table(point)}

Measured on this network in float32, on {point["n"]:,} test images (Wilson intervals). An attack gives an upper bound of
robustness: a stronger one may leave less.{between}{said([point], classes)}"""


def _several(found: Json) -> str:
    rows = [(row["threat"], row["robust"], interval(row["robust_interval"])) for row in found["norms"]]
    rows += [("their average", found["average"], "")]
    rows += [("all at once (union)", found["robust"], interval(found["robust_interval"]))]
    table = "\n".join(f"| {name} | {percent(share)} | {span} |" for name, share, span in rows)
    return f"""\
## Under several norms

| {found["attack"]} | accuracy | 95 % interval |
| --- | --- | --- |
{table}

Measured on the run, in float32, on {found["n"]:,} test images: each norm on all of them; under all at once an image
counts that stands under each."""


def said(points: Sequence[Json], classes: int) -> str:
    """What the numbers say in words, as paragraphs; nothing where they speak for themselves."""
    return "".join(f"\n\n**{sentence}**" for sentence in verdicts(points, classes))


def _table(point: Json) -> str:
    names = {"clean": "clean", "robust": f"under {point['attack']}, {threat_in_words(point)}"}
    rows = [f"| {name} | {percent(point[of])} | {interval(point[f'{of}_interval'])} |" for of, name in names.items()]
    return "\n".join(["| | accuracy | 95 % interval |", "| --- | --- | --- |", *rows])


def _facts(about: Json) -> str:
    network, run = about["network"], about["run"]
    rows = {
        "threat model": f"{threat_in_words(about['measured'])}, pixels in [0, 1]; the adversary knows the network",
        "recipe": f"{run['recipe']}: {spoken(run['knobs'])[1:-1]}",
        "data": f"{run['data']}, {run['train']:,} training images{_beside(run)}",
        "training": f"{counted(run['epochs'], 'epoch')}, seed {run['seed']}; {_kept(run)}",
        "parameters": f"{network['parameters']:,}",
        "images": f"{' x '.join(map(str, network['shape']))} (channels, height, width)",
        "classes": ", ".join(network["classes"][:12]) + (", ..." if len(network["classes"]) > 12 else ""),
        "made with": ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
    }
    return "## Facts\n\n| | |\n| --- | --- |\n" + "\n".join(
        f"| {name} | {plain(value)} |" for name, value in rows.items()
    )


def decided(data: Json) -> list[str]:
    """What was decided for the reader when the images were read, as a section; nothing where nothing was.

    >>> print(*decided({"notes": ["Left out: <b>_x_.png."]})[0].splitlines()[::2])
    ## Data - Left out: \\<b>\\_x\\_.png.
    """
    notes = data.get("notes", [])
    return ["## Data\n\n" + "\n".join(f"- {plain(note)}" for note in notes)] if notes else []


def _beside(run: Json) -> str:
    """The images that were learned from beside the training set."""
    kinds = {"unlabelled": "without labels", "extra": "extra ones"}
    return "".join(f" and {run[name]:,} {words}" for name, words in kinds.items() if run.get(name))


def _use(about: Json, preprocess: str) -> str:
    network = about["network"]
    shape = ", ".join(map(str, about["network"]["shape"]))
    return f"""\
## Use

Meant for images like those of {plain(about["run"]["data"])} where somebody may change them within
{threat_in_words(about["measured"])}, and for research on such adversaries. Not measured: other or larger changes of an
image, images from elsewhere. The accuracy under attack is what one attack left, not a certificate.

`images` are pixels in [0, 1], float32 `[B, {shape}]`. The columns of `logits` are the classes in order. An image
becomes its input like this, and in no other way:

{in_words(network["shape"], network.get("background", "white"))}

```python
from {Path(preprocess).stem} import CLASSES, preprocess  # {plain(preprocess)}, beside the network

images = preprocess("photo.jpg")
```"""


def _file(name: str, file: Json, about: Json, form: Format) -> str:
    difference, scale, agree, n = (file["parity"][key] for key in ("difference", "scale", "agree", "n"))
    return f"""\
## {name}

{file["bytes"]:,} bytes. Read back, its logits differ by at most {difference:.1e} from those of the network it was made
from (largest logit {scale:.3g}), and it gives {agree} of {n} test images the same class.
{_of_its_own(file)}
```python
{form.lines(name, Facts.read(about["network"]))}
```"""


def _of_its_own(file: Json) -> str:
    """What was measured on a file that is another network."""
    if "measured" not in file:
        return ""
    point, faster = file["measured"], file["speedup"]
    return f"""
Its numbers are rounded to eight bits, so it is another network, and was measured on {point["n"]:,} test images itself:

{_table(point)}

No gradient flows through it: the adversarial images were found on the float32 network and carried over, and what stood
was attacked by random search. An adversary who attacks this file itself may do better. On the machine that made it, it
is {faster["ratio"]:.1f} times as fast as `{faster["over"]}` (batch {faster["batch"]}).
"""
