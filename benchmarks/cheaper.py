"""What does a dial cost at least? `radial`, taught by its clean start, with cheaper adversaries.

    python benchmarks/cheaper.py --data cifar10 --seeds 0 --out runs/cheaper

    pgd-3          the yardstick, four passes an image
    pgd-7          eight passes
    pgd-2          three
    pgd-1          two: one step of 1.25 times the radius from the image
    n-fgsm         two: `radial-nfgsm`, from noise of twice the radius, not clipped back
    half the noise the same from noise of once the radius
    m+             `pgd-3` with a step more whenever the gradient has grown, from none on
    pgd-1 longer   `pgd-1` in twice the epochs, and so at the price of the yardstick
    n-fgsm longer  `n-fgsm` in twice the epochs

The clean start is that of `benchmarks/worth.py`; all positions are measured with the average of the weights. The table
gives the robust accuracy at equal clean accuracy, as that of `benchmarks/middle.py` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import tyro
from middle import RADII, play
from torch import nn
from worth import Lab, Settings, taught

import robustdial as rd
from robustdial.method.schedule import Magnitude


def adversaries(lab: Lab) -> dict[str, Callable[[], nn.Module]]:
    """Name of an adversary to the dial trained with it, with the average of its weights."""
    eps, epochs = lab.settings.threat.eps, lab.settings.epochs

    def dial(name: str, method: rd.Method, length: int = epochs) -> nn.Module:
        return lab.average(name, lab.trained(name, lab.clean, taught(method), length))

    def pgd(steps: int) -> rd.Method:
        return rd.radial(eps=eps, steps=steps, lambdas=RADII, warm=0.0)

    def noisy(noise: float = 2.0) -> rd.Method:
        return rd.radial_nfgsm(eps=eps, noise=noise, lambdas=RADII, warm=0.0)

    growing = replace(pgd(3), schedule=Magnitude(1.01, 4, 1))
    return {
        "pgd-3": partial(dial, "radial-taught", pgd(3)),
        "pgd-1": partial(dial, "pgd-1", pgd(1)),
        "n-fgsm": partial(dial, "n-fgsm", noisy()),
        "m+": partial(dial, "growing", growing),
        "half the noise": partial(dial, "half-the-noise", noisy(1.0)),
        "pgd-2": partial(dial, "pgd-2", pgd(2)),
        "pgd-1 longer": partial(dial, "pgd-1-longer", pgd(1), 2 * epochs),
        "n-fgsm longer": partial(dial, "n-fgsm-longer", noisy(), 2 * epochs),
        "pgd-7": partial(dial, "pgd-7", pgd(7)),
    }


if __name__ == "__main__":
    play(tyro.cli(Settings), "cheaper", adversaries)
