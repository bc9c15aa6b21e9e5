"""Is an adversary over attributes worth it? Against standard, L-infinity adversarial and randomly augmented training.

    python benchmarks/attributes.py --domain warps --data mnist --seeds 0 1 2 --out runs/warps
    python benchmarks/attributes.py --domain corruptions --data cifar10 --model resnet18 --width 16 --limit 8000 \
        --epochs 15 --pixels 8 --n 1000 --out runs/corruptions

Systems: `clean`; `pgd-at`; `random`, attributes drawn anew at every visit; `random, longer`, with so many more epochs
that it spends what `agat` does; `agat`. Measured on test images:

    warps         as they are; moved at random within the limits of `agat`; the worst of ten; PGD over the attributes
    corruptions   as they are; each kind of the corruption room at one level, and the mean of the published kinds

A second call goes on where the first was stopped; a last table has the means over seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Literal

import torch
import tyro
from safetensors.torch import load_file, save_file
from torch import nn

import robustdial as rd
from robustdial import record
from robustdial.attack import WorstOf, parse
from robustdial.data import Data, Source, balanced, load
from robustdial.evaluate import Accuracy, corrupted, mean_accuracy, measure
from robustdial.models import build
from robustdial.precision import Prepared, full_precision, resolve
from robustdial.provenance import provenance
from robustdial.training.engine import TrainState, fit
from robustdial.training.rate import parse as rate

Row = dict[str, str | int | float]


@dataclass(frozen=True)
class Settings:
    """What all systems share.

    Args:
        domain: warps or corruptions.
        data: as `robustdial train` takes it.
        limit: training images, class-balanced.
        model, width: the network.
        epochs: of every system but `random, longer`.
        batch, lr, rate: of stochastic gradient descent.
        pixels: radius of `pgd-at`, in grey levels.
        steps: of the adversaries in training.
        every, share, c: of `agat`.
        level: of the corruptions.
        n: test images, class-balanced.
        seeds: of weights, order and adversaries.
        only: names of systems to run; all by default.
        out: folder of the results.
    """

    domain: Literal["warps", "corruptions"] = "warps"
    data: str = "mnist"
    limit: int | None = 5000
    model: str = "cnn"
    width: int = 8
    epochs: int = 15
    batch: int = 64
    lr: float = 0.1
    rate: str = "triangle"
    pixels: float = 25
    steps: int = 5
    every: int = 5
    share: float = 1.0
    c: float = 0.1
    level: int = 5
    n: int = 2000
    seeds: tuple[int, ...] = (0,)
    only: tuple[str, ...] = ()
    out: Path = Path("runs/attributes")

    def systems(self) -> dict[str, tuple[rd.Method, int]]:
        """Name to method and epochs."""
        knobs = {"steps": self.steps, "every": self.every, "ascending": self.share, "c": self.c}
        agat = rd.agat(**knobs) if self.domain == "warps" else rd.agat_corruptions(**knobs)
        random = replace(rd.random_attributes(), threat=agat.threat)
        ascents = -(-self.epochs // self.every)  # of agat, steps + 1 passes each; an epoch of random is 2 passes
        return {
            "clean": (rd.clean(), self.epochs),
            "random": (random, self.epochs),
            "agat": (agat, self.epochs),
            "pgd-at": (rd.pgd_at(eps=rd.px(self.pixels), steps=self.steps), self.epochs),
            "random, longer": (random, self.epochs + round(ascents * (self.share * self.steps + 1) / 2)),
        }


class Lab:
    """The networks of one seed, trained when first asked for and kept."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed, self.folder = settings, seed, settings.out / f"seed{seed}"
        self.data: Data = load(settings.data, limit=settings.limit, val=0.05, seed=seed)
        self.folder.mkdir(parents=True, exist_ok=True)

    def trained(self, name: str, method: rd.Method, epochs: int) -> nn.Module:
        """A network after training, from the disk where it is there."""
        torch.manual_seed(self.seed)
        s, data, path = self.settings, self.data, self.folder / f"{name}.safetensors"
        means = {"mean": data.mean, "std": data.std}
        model = build(s.model, classes=len(data.classes), shape=data.shape, **means, width=s.width)
        if not path.exists():
            self._train(name, model, method, epochs)
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
        model.load_state_dict(load_file(path))
        return model.eval()

    def _train(self, name: str, model: nn.Module, method: rd.Method, epochs: int) -> None:
        s, spent, seconds = self.settings, 0.0, 0.0
        state = TrainState.new(model, lr=s.lr, rate=rate(s.rate), seed=self.seed)
        state.forward = Prepared(model, resolve("auto", state.device))
        for epoch in fit(state, self.data, method, epochs=epochs, batch=s.batch):
            spent, seconds = spent + epoch["spent"], seconds + epoch["seconds"]
            print(f"seed {self.seed} {name} {epoch['epoch']}/{epochs} loss {epoch['loss']:.3f}", flush=True)
        cost = {"seconds": seconds, "passes": spent, "epochs": epochs}
        record.write_json(self.folder / f"{name}.cost.json", cost)


def measured(f: nn.Module, source: Source, settings: Settings, seed: int) -> Iterator[Row]:
    """Accuracies of a network in float32, as fractions with 95 % intervals."""
    torch.manual_seed(seed)
    yield from (on_warps if settings.domain == "warps" else on_corruptions)(f, source, settings, seed)


def on_warps(f: nn.Module, source: Source, settings: Settings, seed: int) -> Iterator[Row]:
    """As the images are, and under attacks on attributes of the limits of `agat`."""
    clean, moved = measure(f, source, WorstOf(1), rd.agat().threat)
    yield row("clean", clean)
    yield row("moved", moved)
    for attack in ("worst-of-10", "pgd-20"):
        yield row(attack, measure(f, source, parse(attack), rd.agat().threat).robust)


def on_corruptions(f: nn.Module, source: Source, settings: Settings, seed: int) -> Iterator[Row]:
    """As the images are, and under each corruption; the mean has no interval, as its parts share their images."""
    yield row("clean", rd.clean_accuracy(f, source))
    found = list(corrupted(f, source, levels=(settings.level,), seed=seed))
    yield {"measure": "corruptions", "value": mean_accuracy(found), "n": len(source)}
    yield from (row(one.kind, one.accuracy) for one in found)


def row(name: str, accuracy: Accuracy) -> Row:
    """One number with its interval."""
    low, high = accuracy.interval
    return {"measure": name, "value": accuracy.value, "low": low, "high": high, "n": accuracy.n}


def summary(settings: Settings) -> Iterator[str]:
    """A Markdown table: means over the seeds that are there, in percent."""
    found: dict[str, list[dict[str, float]]] = {}
    for path in sorted(settings.out.glob("seed*/*.json")):
        about = record.read_json(path)
        if "rows" in about:
            found.setdefault(about["system"], []).append({r["measure"]: r["value"] for r in about["rows"]})
    if found:
        names = list(next(iter(found.values()))[0])
        yield f"| | seeds | {' | '.join(names)} |"
        yield "| --- " * (2 + len(names)) + "|"
        for system, seeds in found.items():
            means = (f"{100 * fmean(seed[name] for seed in seeds):.1f}" for name in names)
            yield f"| {system} | {len(seeds)} | {' | '.join(means)} |"


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet."""
    for seed in settings.seeds:
        lab = Lab(settings, seed)
        test = lab.data.test.subset(balanced(lab.data.test.labels, settings.n, torch.Generator().manual_seed(0)))
        for name, (method, epochs) in settings.systems().items():
            file = name.replace(", ", "-")
            path = lab.folder / f"{file}.json"
            if path.exists() or (settings.only and name not in settings.only):
                continue
            f = Prepared(lab.trained(file, method, epochs), "float32").eval()
            with full_precision():
                rows = list(measured(f, test, settings, seed))
            cost = record.read_json(lab.folder / f"{file}.cost.json")
            record.write_json(path, {"system": name, "seed": seed, "rows": rows, "cost": cost, **provenance()})
    print("\n".join(summary(settings)))


if __name__ == "__main__":
    main(tyro.cli(Settings))
