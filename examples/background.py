"""Train digits behind a mask, and see what the network looks at: python examples/background.py [PICTURE.png]

Handwritten digits come with scikit-learn, nothing is downloaded; about half a minute on one CPU thread. With a file
name, a digit is drawn for each mask: the image, the mask, the perturbation (grey: none) and the adversarial image.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import robustdial as rd
from robustdial.attack import parse
from robustdial.data import Data, unit
from robustdial.evaluate import background
from robustdial.method.threat import Mask
from robustdial.method.threat.mask import Border, Dark, Unsalient

BALL = rd.Linf(0.3)
SCALE, GAP = 10, 6


def trained(data: Data, method: rd.Method, epochs: int) -> nn.Module:
    """A small network after training with `method`."""
    torch.manual_seed(0)
    net = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=16)
    state = rd.TrainState.new(net, lr=0.1)
    for epoch in rd.fit(state, data, method, epochs=epochs, batch=64):
        print(f"  epoch {epoch['epoch']}, loss {epoch['loss']:.3f}", end="\r")
    return net.eval()


def strip(f: nn.Module, x: Tensor, y: Tensor, mask: Mask) -> Tensor:
    """An image, its mask, what the adversary adds, and what comes out, side by side: `[H, 4 W + gaps]`."""
    adv = parse("pgd-20")(f, x, y, rd.Masked(BALL, mask))
    added = 0.5 + (adv - x) / (2 * BALL.eps)
    shown = (x, 0.8 * mask(x), added, adv)
    cells = [cell[0, 0].repeat_interleave(SCALE, 0).repeat_interleave(SCALE, 1) for cell in shown]
    gap = torch.ones(len(cells[0]), GAP)
    return torch.cat([part for cell in cells for part in (cell, gap)][:-1], dim=1)


def drawn(f: nn.Module, data: Data, masks: dict[str, Mask], path: Path) -> None:
    """One strip for each mask, one below the other."""
    x, y = next(data.test.batches([torch.tensor([7])]))
    strips = [strip(f, unit(x), y, mask) for mask in masks.values()]
    gap = torch.ones(GAP, strips[0].shape[1])
    whole = torch.cat([part for one in strips for part in (one, gap)][:-1])
    Image.fromarray((255 * whole).round().to(torch.uint8).numpy().astype(np.uint8)).save(path, optimize=True)


def main(picture: Path | None = None, epochs: int = 6, limit: int | None = None, n: int = 200) -> None:
    """Three networks, and their accuracies when only the background or only the foreground changes."""
    data = rd.load("digits", limit=limit)
    methods = {
        "clean": rd.clean(eps=BALL.eps),
        "pgd-at": rd.pgd_at(eps=BALL.eps, steps=4),
        "localized": rd.localized(eps=BALL.eps, steps=4, mask="dark"),
    }
    networks = {name: trained(data, method, epochs) for name, method in methods.items()}
    few = data.test.subset(torch.arange(n))
    for name, net in networks.items():
        found = background(net, few, Dark(), BALL, parse("pgd-10"))
        told = ", ".join(f"{part} {how} {accuracy.value:.2f}" for part, how, accuracy in found)
        print(f"{name:9}  as it is {rd.clean_accuracy(net, few).value:.2f}, {told}")
    if picture is not None:
        masks: dict[str, Mask] = {"dark": Dark(), "border": Border(), "saliency": Unsalient(networks["clean"], 50)}
        drawn(networks["clean"], data, masks, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
