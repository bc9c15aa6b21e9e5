"""What does a width cost? A dial of two widths against a dial trained at each width alone.

    python benchmarks/widths.py --data cifar10 --seeds 0 --out runs/widths

    both        `radial` at both widths, which share their weights; from the clean start of `benchmarks/worth.py`
    both, oats  the same with `oat`: OATS
    full        `radial` at the full width
    half        `radial` of a network that is built half as wide, from a clean start of its own

All are taught by the clean start of the full width, and measured with the average of their weights. A second call
goes on where the first was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import tyro
from torch import nn
from worth import Lab, Point, Settings, check_settings, measured, taught

import robustdial as rd
from robustdial import record
from robustdial.data import balanced
from robustdial.provenance import provenance

RADII = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
WIDTHS = (0.5, 1.0)


def systems(lab: Lab, narrow: Lab) -> dict[str, Callable[[], Iterator[tuple[float, Point]]]]:
    """Name of a system to its networks: share of the full width, and position."""
    s = lab.settings
    radial = rd.radial(eps=s.threat.eps, steps=s.steps, lambdas=RADII, warm=0.0)
    both = replace(radial, dial=replace(radial.dial, widths=WIDTHS))
    oats = rd.oats(eps=s.threat.eps, steps=s.steps, lambdas=WEIGHTS, widths=WIDTHS)

    def start(method: rd.Method) -> nn.Module:
        return method.dial.put_on(lab.clean(), example=next(lab.images(8)))

    def points(
        name: str, method: rd.Method, start: Callable[[], nn.Module], where: Lab = lab
    ) -> Iterator[tuple[float, Point]]:
        model: Any = where.average(name, where.trained(name, start, taught(method), teacher=lab.clean))
        for width in model.dials.widths:
            for lam in model.dials.lambdas:
                yield width * where.settings.width / s.width, Point(lam, model.at(lam, width))

    return {
        "both": partial(points, "both", both, partial(start, both)),
        "both, oats": partial(points, "both-oats", oats, partial(start, oats)),
        "full": partial(points, "radial-taught", radial, lab.clean),
        "half": partial(points, "half", radial, narrow.clean, narrow),
    }


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet."""
    check_settings(settings)
    for seed in settings.seeds:
        lab = Lab(settings, seed)
        narrow = Lab(replace(settings, width=settings.width // 2, out=settings.out / "half"), seed)
        test = lab.data.test.subset(balanced(lab.data.test.labels, settings.n, torch.Generator().manual_seed(0)))
        for name, points in systems(lab, narrow).items():
            path = lab.folder / f"widths-{name.replace(', ', '-')}.json"
            if path.exists() or (settings.only and name not in settings.only):
                continue
            rows = [{"width": width} | measured(point, test, settings, seed) for width, point in points()]
            record.write_json(path, {"system": name, "seed": seed, "points": rows, **provenance()})
            print(f"seed {seed} {name}: {[(round(r['clean'], 3), round(r['robust'], 3)) for r in rows]}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Settings))
