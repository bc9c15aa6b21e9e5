"""Attribute-guided adversarial training on handwritten digits, with a decoder of one's own.

    python examples/attributes.py --out runs/attributes

Digits are turned, moved and skewed, and a shade falls over them from one side, which is a function written here. Three
networks are trained: on the images as they are, on images changed at random, and on images changed by an adversary
over the same attributes. No download, less than a minute. Writes `attributes.png`: test images as they are, changed at
random, and changed by an ascent against the first network, with the attributes below them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
import tyro
from PIL import Image, ImageDraw
from torch import Tensor, nn

import robustdial as rd
from robustdial.attack import WorstOf
from robustdial.method.threat import Box, Chain, Function, Warp

SIZE, GAP, TEXT = 96, 8, 56  # of the picture, in pixels
DEGREES, SHIFT, SKEW = 30.0, 0.1, 0.3


def shade(x: Tensor, z: Tensor) -> Tensor:
    """A decoder of one's own: one side of the image `[B, C, H, W]` gets darker, the other does not; `z` is `[B, 1]`."""
    across = torch.linspace(-1, 1, x.shape[3]).to(x)
    return x * (1 - 0.8 * (z[:, :, None, None] * across).clamp_min(0))


THREAT = Box(Chain((Warp(DEGREES, SHIFT, SKEW), Function(shade, ("shade",)))))


def methods() -> dict[str, rd.Method]:
    """How each network is trained."""
    agat, random = rd.agat(), rd.random_attributes()
    return {
        "as they are": rd.clean(),
        "at random": replace(random, threat=THREAT),
        "agat": replace(agat, threat=THREAT),
    }


def trained(data: rd.Data, method: rd.Method, epochs: int) -> nn.Module:
    """A small network after training."""
    torch.manual_seed(0)
    net = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    for _ in rd.fit(rd.TrainState.new(net, lr=0.1), data, method, epochs=epochs, batch=64):
        pass
    return net.eval()


def ascended(f: nn.Module, x: Tensor, y: Tensor, steps: int = 10) -> Tensor:
    """Attributes `[B, D]` that an ascent finds, from where `z` is random."""
    z = THREAT.noise(x, 1.0, 1.0)
    for _ in range(steps):
        z = z.detach().requires_grad_()
        loss = nn.functional.cross_entropy(f(THREAT.apply(x, z)), y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, z)
        z = THREAT.project(THREAT.ascend(z.detach(), slope, 0.3), x, 1.0)
    return z.detach()


def told(z: Tensor, side: int) -> tuple[str, str, str]:
    """One image's attributes in words."""
    angle, right, down, skew, _, dark = z.tolist()
    pixels = SHIFT * side
    return (
        f"{DEGREES * angle:.0f}°, skew {SKEW * skew:.2f}",
        f"{pixels * right:.1f}, {pixels * down:.1f} px",
        f"shade {dark:.1f}",
    )


def drawn(f: nn.Module, x: Tensor, y: Tensor) -> Image.Image:
    """Three rows of the images: as they are, changed at random, changed by an ascent against `f`."""
    torch.manual_seed(1)
    rows = {"as is": THREAT.noise(x, 1.0, 0.0), "random": THREAT.noise(x, 1.0, 1.0), "adversarial": ascended(f, x, y)}
    page = Image.new("L", (len(x) * (SIZE + GAP) + GAP, len(rows) * (SIZE + TEXT)), 255)
    pen = ImageDraw.Draw(page)
    for down, (name, z) in enumerate(rows.items()):
        shown = THREAT.apply(x, z).detach()
        for across, (picture, said, values) in enumerate(zip(shown, f(shown).argmax(1), z, strict=True)):
            corner = GAP + across * (SIZE + GAP), down * (SIZE + TEXT)
            levels = Image.fromarray((255 * picture[0]).round().byte().numpy())
            page.paste(levels.resize((SIZE, SIZE), Image.Resampling.NEAREST), corner)
            for line, text in enumerate([f"{name}: {int(said)}", *(told(values, x.shape[3]) if down else ())]):
                pen.text((corner[0], corner[1] + SIZE + 1 + 12 * line), text, 90 if line else 0)
    return page


def main(out: Path = Path("runs/attributes"), epochs: int = 10) -> None:
    """Train, measure, draw.

    Args:
        out: folder of the picture.
        epochs: of each training.
    """
    data = rd.load("digits")
    nets = {name: trained(data, method, epochs) for name, method in methods().items()}
    print("trained on images        as they are   moved   worst of 10")
    for name, net in nets.items():
        torch.manual_seed(0)
        clean, moved = rd.measure(net, data.test, WorstOf(1), THREAT)
        _, worst = rd.measure(net, data.test, WorstOf(10), THREAT)
        print(f"{name:24} {100 * clean.value:10.1f} {100 * moved.value:8.1f} {100 * worst.value:12.1f}  n {clean.n}")
    out.mkdir(parents=True, exist_ok=True)
    x, y = next(data.test.batches([torch.arange(8)]))
    drawn(nets["as they are"], x.float() / 255, y).save(out / "attributes.png", optimize=True)


if __name__ == "__main__":
    tyro.cli(main)
