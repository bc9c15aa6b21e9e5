"""Which method is worth its price: the tables of the literature at a size of one's own.

    python benchmarks/methods.py --limit 5000 --model resnet18 --model-width 8 --epochs 12 --out runs/methods

Each family is a comparison of its own (`robustdial compare`), so that methods are timed beside those they are compared
with. A second call with the same --out goes on where the first was stopped; `--tables-only` prints what there is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import tyro

from robustdial import record
from robustdial.cli import main as cli

FAMILIES = {
    "replays": ("free:replays=4,carry=false", "free:replays=8,carry=false", "m-deat"),
    "pgd": ("pgd-at", "m-pgd", "m-pgd:full=1", "fat:steps=5,patience=3", "amata", "yopo"),
    "trades": ("trades", "fat-trades", "m-trades", "mart", "fat-mart", "m-mart"),
    "dial": ("oat", "m-oat"),
    "one step": ("fgsm-rs", "n-fgsm", "m-deat", "fgsm-pgi", "liet", "guided-at", "nuat", "m-pgd", "pgd-at", "m-trades"),
    "one-step dial": ("radial-nfgsm", "radial"),
}
Family = Literal["replays", "pgd", "trades", "dial", "one step", "one-step dial"]


def main(
    data: str = "cifar10",
    limit: int | None = None,
    model: str = "preact_resnet18",
    model_width: int | None = None,
    epochs: int = 15,
    batch: int = 128,
    lr: float = 0.1,
    rate: str = "triangle",
    eps: str = "8/255",
    seeds: int = 1,
    n: int | None = None,
    val: float = 0.1,
    attacks: tuple[str, ...] = ("pgd-20", "cw-20"),
    families: tuple[Family, ...] = ("replays", "pgd", "trades", "dial", "one step", "one-step dial"),
    tables_only: bool = False,
    out: Path = Path("runs/methods"),
) -> None:
    """Train and measure the methods of each family, then print its table in Markdown.

    Args:
        data, limit, model, model_width, epochs, batch, lr, rate, eps, seeds, n, val, attacks: as `robustdial compare`
            takes them.
        families: which methods to compare.
        tables_only: print the tables of finished families, train nothing.
        out: folder of the comparisons.
    """
    settings = {"data": data, "limit": limit, "model": model, "model-width": model_width, "epochs": epochs}
    settings |= {"batch": batch, "lr": lr, "rate": rate, "eps": eps, "seeds": seeds, "n": n, "val": val}
    flags = [word for name, value in settings.items() if value is not None for word in (f"--{name}", str(value))]
    flags += ["--attack", *attacks]
    for family in families:
        folder = out / family.replace(" ", "-")
        if not tables_only:
            again = ["--resume"] if (folder / record.COMPARE).exists() else [*FAMILIES[family], *flags]
            if code := cli.run(["compare", *again, "--out", str(folder)]):
                raise SystemExit(code)
        if (folder / record.COMPARE).exists():
            print(f"\n{markdown(record.read_json(folder / record.COMPARE))}")


def markdown(about: dict[str, Any]) -> str:
    """The table of a comparison in Markdown; seconds also relative to the slowest method."""
    attacks = about["attacks"]
    heads = ["method", "clean, %", *(f"{attack}, %" for attack in attacks), "passes", "seconds", "of slowest", "health"]
    slowest = max(row["seconds"]["mean"] for row in about["rows"] if row["seconds"])
    lines = [heads, ["---"] * len(heads)]
    for row in about["rows"]:
        accuracies = [row["clean"], *(row["robust"][attack] for attack in attacks)]
        seconds, passes = (row[name]["mean"] if row[name] else None for name in ("seconds", "passes"))
        cost = ["-"] * 3 if seconds is None else [f"{passes:.1f}", f"{seconds:,.0f}", f"{seconds / slowest:.2f}"]
        lines.append([f"`{row['label']}`", *map(_percent, accuracies), *cost, "; ".join(sorted(set(row["health"])))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _percent(estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return "-"
    ends = "" if estimate["low"] is None else f" ({100 * estimate['low']:.1f} - {100 * estimate['high']:.1f})"
    return f"{100 * estimate['mean']:.1f}{ends}"


if __name__ == "__main__":
    tyro.cli(main)
