"""What a baked network costs beside the plain network of the same architecture, in PyTorch and as a file.

    python benchmarks/baked.py --batch 64 --rounds 15 --threads 1

All contenders classify the same images in turns, in float32; what is baked must first give the logits of the dial.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import tyro
from interleave import Timings, circumstances, console, rates_table, say, take_turns, write
from torch import Tensor

from robustdial.dial import dial
from robustdial.models import build
from robustdial.ship.export import FORMATS, Facts, write_checked

FILES = ("pt2", "onnx", "onnx-int8")
LAM, SHAPE = 0.4, (3, 32, 32)
MEAN, STD = (0.5,) * 3, (0.25,) * 3


@torch.no_grad()
def speeds(name: str, width: int | None, x: Tensor, rounds: int) -> Timings:
    """The plain network, the dial at one position, the baked network, and the files that hold it."""
    plain = build(name, classes=10, shape=SHAPE, mean=MEAN, std=STD, width=width).eval()
    dialed = dial(plain).eval()
    served, baked = dialed.at(LAM), dialed.bake(LAM)
    facts = Facts(name, width, tuple("abcdefghij"), SHAPE, MEAN, STD, LAM, 1.0)
    calls: dict[str, Callable[[], object]] = {
        "plain": partial(plain, x),
        f"at({LAM})": partial(served, x),
        f"bake({LAM})": partial(baked, x),
    }
    with TemporaryDirectory() as folder:
        for title in FILES:
            form = FORMATS[title]
            path = Path(folder) / form.file
            write_checked(form, baked, facts, path, x, served, x)
            calls[f"baked, {title}"] = partial(form.open(path), x)
    return take_turns(calls, len(x), rounds)


def main(
    models: tuple[str, ...] = ("cnn", "resnet18", "wrn16_8"),
    width: int | None = 16,
    batch: int = 64,
    rounds: int = 15,
    threads: int = torch.get_num_threads(),
    json: Path | None = None,
) -> None:
    """Time baked networks against plain ones (32x32 images, forward in evaluation mode).

    Args:
        models: reference networks.
        width: channels of their first stage; None for the customary number.
        batch: images per call.
        rounds: timed turns of each contender.
        threads: of PyTorch and ONNX Runtime; 1 is the steadiest on a machine that others use.
        json: file to write the numbers to.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x = torch.rand(batch, *SHAPE)
    facts = circumstances(rounds) | {"width": width, "batch": batch}
    results = {name: speeds(name, width, x, rounds) for name in models}
    for name, timings in results.items():
        console.print(rates_table(f"{name}, forward", timings, ["plain"], "images"))
    console.print(say(facts))
    if json:
        write(json, facts, results)


if __name__ == "__main__":
    tyro.cli(main)
