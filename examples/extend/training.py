"""What the weights learn with, of one's own: augmentation, mixing, optimizer and rate.

An augmentation is a function of images, and stands in the data. The optimizer is any of torch's kind; before every
batch the rate of each of its groups is set to that of the training, times the group's `lr_scale`. A rate is a function
of progress, so that nothing of it is to be saved.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

import robustdial as rd
from robustdial.data import Mixing
from robustdial.distributed import drawn


def darkened(x: Tensor) -> Tensor:
    """Digits, uint8 or in [0, 1], each darkened at random: alike on any number of processes, as `drawn` draws."""
    share = drawn(lambda x: torch.rand(len(x), 1, 1, 1, device=x.device), x)
    return (x * (0.5 + share / 2)).to(x.dtype)


def restarted(progress: float) -> float:
    """Two half cosines (Loshchilov & Hutter, SGDR, ICLR 2017)."""
    return (1 + math.cos(math.pi * (2 * progress % 1))) / 2


def main(epochs: int = 5) -> None:
    """Train with them on digits."""
    data = replace(rd.load("digits"), augment=darkened)
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    norms = [weight for weight in model.parameters() if weight.ndim == 1]
    others = [weight for weight in model.parameters() if weight.ndim > 1]
    groups = [{"params": norms, "weight_decay": 0.0, "lr_scale": 0.5}, {"params": others}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.05)
    state = rd.TrainState(model, optimizer, restarted, lr=0.01, seed=0, forward=model, mixing=Mixing(mixup=0.2))
    for epoch in rd.fit(state, data, rd.pgd_at(eps=0.2, steps=2), epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: loss {epoch['loss']:.2f}, rate {epoch['lr']:.4f}")
    print(f"clean {rd.measure(model.eval(), data.test, rd.PGDAttack(10), rd.Linf(0.2))[0].value:.1%}")


if __name__ == "__main__":
    main()
