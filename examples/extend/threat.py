"""A threat of one's own: the adversary adds one value to each line of the image, as a bad sensor does.

A threat is four verbs: draw a perturbation, take a step, go back into the set, show the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import robustdial as rd
from robustdial.typing import Reach


def column(reach: Reach, z: Tensor) -> Reach:
    """A number per row of the batch, shaped so that it multiplies `z`."""
    return reach.view(-1, 1, 1, 1) if isinstance(reach, Tensor) else reach


@dataclass(frozen=True)
class Lines:
    """Each line of each channel is shifted by at most `eps`; z is `[B, C, H, 1]`."""

    eps: float

    @property
    def name(self) -> str:
        return "Lines"

    @property
    def radius(self) -> float:
        return self.eps

    def noise(self, x: Tensor, reach: Reach, amount: float) -> Tensor:
        z = torch.rand_like(x[..., :1]) * 2 - 1
        return amount * self.eps * column(reach, z) * z

    def ascend(self, z: Tensor, gradient: Tensor, size: Reach) -> Tensor:
        return z + column(size, z) * gradient.sign()

    def project(self, z: Tensor, x: Tensor, reach: Reach) -> Tensor:
        most = self.eps * column(reach, z)
        return torch.maximum(torch.minimum(z, torch.zeros_like(z) + most), torch.zeros_like(z) - most)

    def apply(self, x: Tensor, z: Tensor) -> Tensor:
        return (x + z).clamp(0, 1)


def main(epochs: int = 5) -> None:
    """Train against it on digits, and measure against it."""
    data = rd.load("digits")
    model = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    method = rd.Method(Lines(0.5), rd.PGD(rd.Step(0.2)), rd.Constant(4), rd.AT())
    for epoch in rd.fit(rd.TrainState.new(model), data, method, epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: loss {epoch['loss']:.2f}")
    clean, robust = rd.measure(model.eval(), data.test, rd.PGDAttack(10), Lines(0.5))
    print(f"clean {clean.value:.1%}, with shifted lines {robust.value:.1%}")


if __name__ == "__main__":
    main()
