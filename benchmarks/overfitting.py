"""Catastrophic overfitting: at which radius does one-step training break, and does the monitor say so in time?

    python benchmarks/overfitting.py --data cifar10 --limit 5000 --model resnet18 --model-width 16 --epochs 20

For each radius, a comparison (`robustdial compare`) of one-step methods and of PGD with two steps beside them. A run
has broken in the epoch from which on its robust accuracy on validation images stays at most half of its best before;
the monitor judges by other adversaries on fewer images. A second call with the same --out goes on where the first was
stopped; `--tables-only` prints what there is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from robustdial import record
from robustdial.cli import main as cli
from robustdial.training.health import Trouble

METHODS = (
    "fgsm",
    "fgsm-rs",
    "zerograd",
    "n-fgsm",
    "fgsm-pgi",
    "liet",
    "guided-at",
    "nuat",
    "rs-aaer",
    "gradalign",
    "elle",
    "pgd-at:steps=2,step=0.625",
)
ROBUST = 0.12
"""Robust accuracy on validation images below which nothing was there: one answer for all of ten classes has 0.1."""


class Fate(NamedTuple):
    """What became of a run.

    Attributes:
        best: highest robust accuracy on validation images.
        last: that of the last epoch.
        broke: the epoch from which on it is at most half of the best before, to the end; None if there is none.
        alarm: the first epoch in which the monitor saw catastrophic overfitting; None if it never did.
    """

    best: float
    last: float
    broke: int | None
    alarm: int | None

    @property
    def verdict(self) -> str:
        """What is to be said of run and monitor."""
        if self.broke is None:
            state = "stayed robust" if self.best >= ROBUST else "never robust"
            return state if self.alarm is None else f"{state}; alarm in epoch {self.alarm}"
        if self.alarm is None:
            return f"broke in epoch {self.broke}, not noticed"
        late = self.alarm - self.broke
        said = f"noticed {late} late" if late > 0 else f"noticed {-late} before" if late else "noticed at once"
        return f"broke in epoch {self.broke}, {said}"


def main(
    data: str = "cifar10",
    limit: int | None = None,
    model: str = "preact_resnet18",
    model_width: int | None = None,
    epochs: int = 15,
    batch: int = 128,
    lr: float = 0.1,
    radii: tuple[int, ...] = (8, 12, 16),
    seeds: int = 1,
    n: int | None = None,
    val: float = 0.1,
    start: str | None = None,
    methods: tuple[str, ...] = METHODS,
    tables_only: bool = False,
    out: Path = Path("runs/overfitting"),
) -> None:
    """Train and measure the methods at each radius, then print its table in Markdown.

    Args:
        data, limit, model, model_width, epochs, batch, lr, seeds, n, val, start: as `robustdial compare` takes them.
        radii: in 1/255.
        methods: which to train, with knobs after a colon.
        tables_only: print the tables of finished radii, train nothing.
        out: folder of the comparisons.
    """
    settings = {"data": data, "limit": limit, "model": model, "model-width": model_width, "epochs": epochs}
    settings |= {"batch": batch, "lr": lr, "seeds": seeds, "n": n, "val": val, "start": start}
    flags = [word for name, value in settings.items() if value is not None for word in (f"--{name}", str(value))]
    for radius in radii:
        folder = out / f"eps-{radius}"
        if not tables_only:
            again = ["--resume"] if (folder / record.COMPARE).exists() else [*methods, *flags, "--eps", f"{radius}/255"]
            if code := cli.run(["compare", *again, "--out", str(folder)]):
                raise SystemExit(code)
        if (folder / record.COMPARE).exists():
            print(f"\neps {radius}/255\n\n{table(folder)}")


def table(folder: Path) -> str:
    """The runs of a comparison in Markdown: accuracy on test images at the best epoch, and what became of them."""
    about = record.read_json(folder / record.COMPARE)
    heads = ["method", "passes", "clean, %", *(f"{attack}, %" for attack in about["attacks"])]
    lines = [[*heads, "val. robust, best, %", "last, %", "run and monitor"]]
    lines.append(["---"] * len(lines[0]))
    for row in about["rows"]:
        measured = [row["clean"], *(row["robust"][attack] for attack in about["attacks"])]
        numbers = [f"{row['passes']['mean']:.1f}" if row["passes"] else "-", *map(_percent, measured)]
        for fate in fates(folder, row["label"]):
            ends = [f"{100 * fate.best:.1f}", f"{100 * fate.last:.1f}", fate.verdict]
            lines.append([f"`{row['label']}`", *numbers, *ends])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fates(folder: Path, label: str) -> list[Fate]:
    """What became of each run of a method."""
    runs = sorted(path for path in folder.iterdir() if (path / record.EPOCHS).exists())
    named = [path for path in runs if path.name.rpartition("-seed")[0] == re.sub("[^a-zA-Z0-9.=_]", "-", label)]
    return [fate_of(record.read_lines(path / record.EPOCHS)) for path in named]


def fate_of(epochs: Sequence[dict[str, Any]]) -> Fate:
    """What became of a run, by the records of its epochs."""
    robust = [max(point["robust"] or 0.0 for point in epoch["val"]) for epoch in epochs]
    lost = (
        number
        for number in range(1, len(robust))
        if max(robust[:number]) >= ROBUST and max(robust[number:]) <= max(robust[:number]) / 2
    )
    broke = next(lost, None)
    alarms = (epoch["epoch"] for epoch in epochs if epoch["trouble"] == Trouble.CATASTROPHIC)
    return Fate(max(robust), robust[-1], None if broke is None else broke + 1, next(alarms, None))


def _percent(estimate: dict[str, float] | None) -> str:
    return "-" if estimate is None else f"{100 * estimate['mean']:.1f}"


if __name__ == "__main__":
    tyro.cli(main)
