"""Sums over the batches of an epoch, of all processes, and the means that schedules and records want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from robustdial.checks import checked
from robustdial.distributed import ALONE, World
from robustdial.training.batch import Sums, add

MEANS = ("loss", "clean", "adv", "gradient")
_SUMS = ("loss", "rows", "clean", "clean_rows", "adv", "adv_rows", "gradient", "gradient_rows", "spent", "images")


def over_all(world: World, sums: Sums) -> Sums:
    """The statistics of all processes; the seconds are their mean. Processes may lack what they have not seen."""
    if world.size == 1:
        return sums
    like = next(iter(sums.values()), torch.zeros(()))
    own = torch.stack([torch.as_tensor(sums.get(name, 0.0)).to(like.device).double() for name in (*_SUMS, "seconds")])
    totals = dict(zip((*_SUMS, "seconds"), world.sum(own), strict=True))
    return totals | {"seconds": totals["seconds"] / world.size}


def means_of(sums: Mapping[str, float]) -> dict[str, float]:
    """Means over those rows that have been seen.

    >>> means_of({"loss": 8.0, "rows": 4, "adv": 1.0, "adv_rows": 2, "clean_rows": 0})
    {'loss': 2.0, 'adv': 0.5}
    """
    rows = {name: sums.get("rows" if name == "loss" else f"{name}_rows") for name in MEANS}
    return {name: sums[name] / number for name, number in rows.items() if number}


@checked
def epoch_means(batches: Sequence[Sums], world: World = ALONE) -> dict[str, float]:
    """What a schedule is told of an epoch (`Schedule.after`), but for `progress`.

    Args:
        batches: what `train_batch` gave for each batch.
        world: the processes that played them, all of which must call this.
    """
    total: Sums = {}
    for sums in batches:
        total = add(total, sums)
    return means_of({name: float(value) for name, value in over_all(world, total).items()})
