"""Adversaries in the latent space of a generator, seen: python examples/generative.py

Trains a generator of digits, or opens the one in --generator, and a classifier; lets an adversary move one level of the
images' latent codes at a time; trains the classifier again against such adversaries; prints what each network has
right; and draws generative.png in --out: images, what the generator makes of them, and their adversaries by level. A
minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from PIL import Image, ImageDraw
from torch import Tensor, nn

import robustdial as rd
from robustdial.data import Data, balanced, unit
from robustdial.evaluate import measure
from robustdial.generator import GeneratorRun, Stored, sheet, start_generator
from robustdial.method.threat import Generator

ATTACK = rd.PGDAttack(10)


@dataclass(frozen=True)
class Settings:
    """What to draw.

    Args:
        out: folder of the results.
        generator: folder of a generator of `data`; by default one is trained into `out`.
        data: as `robustdial train` takes it.
        limit: training images of the classifiers, class-balanced.
        bound: largest change of a number of the latent code, in standard deviations.
        epochs: of the classifiers.
        n: test images.
    """

    out: Path = Path("runs/generative")
    generator: Path | None = None
    data: str = "digits"
    limit: int | None = None
    bound: float = 0.3
    epochs: int = 10
    n: int = 200


def main(settings: Settings) -> None:
    """Train, print and draw."""
    torch.set_num_threads(1)
    settings.out.mkdir(parents=True, exist_ok=True)
    data = rd.load(settings.data, limit=settings.limit)
    folder = settings.generator or trained_generator(settings.out / "generator", settings.data)
    generator = Stored(str(folder))
    plain = classifier(data, rd.clean(), settings.epochs)
    robust = classifier(data, rd.gat(str(folder), bounds=(settings.bound,)), settings.epochs)
    test = data.test.subset(balanced(data.test.labels, settings.n, torch.Generator().manual_seed(0)))
    print(f"{'level':8} plain training   generative adversarial training   (right of {len(test)}, clean / attacked)")
    for level in generator.levels:
        threat = rd.Latent(generator, {level: settings.bound})
        found = [measure(f, test, ATTACK, threat) for f in (plain, robust)]
        print(f"{level:8} " + "   ".join(f"{m.clean.correct} / {m.robust.correct}" for m in found))
    chosen = balanced(test.labels, 10, torch.Generator().manual_seed(0))
    x, y = next(test.batches([chosen]))
    rows = adversaries(plain, generator, unit(x), y, settings.bound)
    draw(rows).save(settings.out / "generative.png", optimize=True)
    print(f"drawn: {settings.out / 'generative.png'}")


def trained_generator(folder: Path, data: str) -> Path:
    """A small generator, trained into `folder`; kept if it is there."""
    if not folder.exists():
        for step in start_generator(folder, GeneratorRun(data, epochs=12, batch=32, width=6)).train():
            if step.summary:
                print(f"generator, epoch {step.epoch}: loss of encoded images {step.summary['pixels']:.2f}")
    return folder


def classifier(data: Data, method: rd.Method, epochs: int) -> nn.Module:
    """A small network, trained with `method`."""
    torch.manual_seed(0)
    model = rd.build("cnn", classes=len(data.classes), shape=data.shape, mean=data.mean, std=data.std, width=8)
    for _ in rd.fit(rd.TrainState.new(model), data, method, epochs=epochs, batch=64):
        pass
    return model.eval()


def adversaries(f: nn.Module, generator: Generator, x: Tensor, y: Tensor, bound: float) -> dict[str, Tensor]:
    """Rows of a picture: the images, what the generator makes of them, and the adversaries of each level."""
    rows = {"image": x, "G(E(image))": generator.decode(generator.encode(x))}
    for level in generator.levels:
        rows[level] = ATTACK(f, x, y, rd.Latent(generator, {level: bound}))
    return rows


def draw(rows: dict[str, Tensor]) -> Image.Image:
    """Rows of images with their names."""
    images = torch.cat(list(rows.values()))
    columns = len(images) // len(rows)
    grid = sheet(images, columns, scale=max(1, 56 // images.shape[-1]))
    page = Image.new("RGB", (grid.width + 100, grid.height), "white")
    page.paste(grid, (100, 0))
    for place, name in enumerate(rows):
        ImageDraw.Draw(page).text((6, (place + 0.4) * grid.height / len(rows)), name, fill="#30343b", font_size=14)
    return page


if __name__ == "__main__":
    main(tyro.cli(Settings))
