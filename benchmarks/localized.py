"""Localized adversarial training against its twins, on the same data and epochs.

    python benchmarks/localized.py --data parquet:../shared/data/mnist --limit 5000 --model cnn --width 16 --eps 76.5 \\
        --masks dark border --epochs 15 --seeds 0 1 2 --out runs/localized-mnist
    python benchmarks/localized.py --data parquet:../shared/data/cifar10 --limit 5000 --model resnet18 --width 16 \\
        --masks border saliency --epochs 15 --seeds 0 1 2 --out runs/localized-cifar10

    clean           without adversaries
    pgd-at          with adversaries all over the image
    localized, M    half the loss on natural images, half with adversaries behind the mask M

Saliency is that of the clean network of the same seed. Loss (cross-entropy) and accuracy are taken on natural inputs,
with adversaries behind each mask, and all over the image; then only the background, or only the foreground, changes.
A second call goes on where the first was stopped. With `--table` it only prints what is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import tyro
from torch import nn
from torch.nn import functional as F
from worth import Lab
from worth import Settings as LabSettings

import robustdial as rd
from robustdial import record
from robustdial.attack import parse
from robustdial.data import Source, balanced, unit
from robustdial.evaluate import Accuracy, background, background_of, over_images, over_seeds
from robustdial.method.threat import Mask
from robustdial.method.threat.mask import Border, Dark, Unsalient
from robustdial.precision import Prepared, full_precision
from robustdial.provenance import provenance
from robustdial.randomness import seeded
from robustdial.typing import Json

MaskName = Literal["dark", "border", "saliency"]
BATCH = 250


@dataclass(frozen=True)
class Settings:
    """What all systems share.

    Args:
        data: as `robustdial train` takes it.
        limit: training images, class-balanced.
        model, width: the network.
        epochs, batch, lr, rate: of stochastic gradient descent.
        steps: of the adversary in training.
        share: weight of the adversarial loss in localized training.
        eps: radius, in grey levels.
        masks: that the adversary is trained and measured behind.
        n: test images, class-balanced.
        attack: to measure with.
        seeds: of weights, order and adversaries.
        table: print what is known, and do nothing else.
        out: folder of the results.
    """

    data: str = "digits"
    limit: int | None = None
    model: str = "cnn"
    width: int = 16
    epochs: int = 15
    batch: int = 64
    lr: float = 0.1
    rate: str = "triangle"
    steps: int = 5
    share: float = 0.5
    eps: float = 8
    masks: tuple[MaskName, ...] = ("border", "saliency")
    n: int = 1000
    attack: str = "pgd-20"
    seeds: tuple[int, ...] = (0,)
    table: bool = False
    out: Path = Path("runs/localized")

    @property
    def ball(self) -> rd.Linf:
        """How far a pixel may change."""
        return rd.Linf(rd.px(self.eps))

    def lab(self, seed: int) -> Lab:
        """Where the networks of a seed are trained and kept."""
        return Lab(
            LabSettings(
                data=self.data,
                limit=self.limit,
                model=self.model,
                width=self.width,
                epochs=self.epochs,
                batch=self.batch,
                lr=self.lr,
                rate=self.rate,
                out=self.out,
            ),
            seed,
        )


class Systems:
    """The networks of one seed, and the masks that one of them makes."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.lab = settings, settings.lab(seed)

    @property
    def names(self) -> tuple[str, ...]:
        """All systems, the clean one first: others ask it."""
        return "clean", "pgd-at", *(f"localized-{mask}" for mask in self.settings.masks)

    def mask(self, name: MaskName) -> Mask:
        """The mask of a name."""
        match name:
            case "dark":
                return Dark()
            case "border":
                return Border()
            case "saliency":
                return Unsalient(self.network("clean"))

    def network(self, name: str) -> nn.Module:
        """A system, trained when it is first asked for."""
        return self.lab.trained(name, self.lab.plain, self._method(name))

    def _method(self, name: str) -> rd.Method:
        s, eps = self.settings, self.settings.ball.eps
        if name == "clean":
            return rd.clean(eps=eps)
        if name == "pgd-at":
            return rd.pgd_at(eps=eps, steps=s.steps)
        mask: MaskName = next(mask for mask in s.masks if name == f"localized-{mask}")
        method = rd.localized(eps=eps, steps=s.steps, share=s.share)
        return rd.Method(rd.Masked(s.ball, self.mask(mask)), method.solver, method.schedule, method.objective)


def on_inputs(f: nn.Module, source: Source, attack: str, threat: rd.Masked | rd.Linf | None, seed: int) -> Json:
    """Mean loss, and accuracy on natural and changed inputs alike; natural inputs only, for no threat."""
    total, right = 0.0, 0
    with seeded(seed, "cpu"):
        for x, y in source.batches(torch.split(torch.arange(len(source)), BATCH)):
            x = unit(x)
            adv = x if threat is None else parse(attack)(f, x, y, threat)
            with torch.no_grad():
                logits = f(adv)
                right += int(((logits.argmax(1) == y) & (f(x).argmax(1) == y)).sum())
                total += float(F.cross_entropy(logits, y, reduction="sum"))
    return {"loss": total / len(source), **told(Accuracy(right, len(source)))}


def told(accuracy: Accuracy) -> dict[str, Json]:
    """An accuracy as it is written."""
    return {"accuracy": accuracy.value, "interval": list(accuracy.interval), "n": accuracy.n}


def measured(systems: Systems, name: str, source: Source, seed: int) -> Iterator[tuple[str, Json]]:
    """Everything that is measured of a system: what the inputs were, and what came out."""
    s = systems.settings
    f = Prepared(systems.network(name), "float32").eval()
    yield "natural", on_inputs(f, source, s.attack, None, seed)
    for mask in s.masks:
        yield f"behind {mask}", on_inputs(f, source, s.attack, rd.Masked(s.ball, systems.mask(mask)), seed)
    yield "everywhere", on_inputs(f, source, s.attack, s.ball, seed)
    found = background(f, source, background_of(source), s.ball, parse(s.attack), batch=BATCH, seed=seed)
    for part, how, accuracy in found:
        yield f"{part}: {how}", told(accuracy)


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet, and print the table."""
    for seed in () if settings.table else settings.seeds:
        systems = Systems(settings, seed)
        test = systems.lab.data.test
        source = test.subset(balanced(test.labels, min(settings.n, len(test)), torch.Generator().manual_seed(0)))
        for name in systems.names:
            path = systems.lab.folder / f"{name}.json"
            if not path.exists():
                with full_precision():
                    rows = dict(measured(systems, name, source, seed))
                about = {"system": name, "seed": seed, "background": repr(background_of(source)), "inputs": rows}
                record.write_json(path, {**about, "settings": spoken(settings), **provenance()})
                print(f"seed {seed} {name}: " + ", ".join(f"{k} {v['accuracy']:.3f}" for k, v in rows.items()))
    print(table(settings.out))


def spoken(settings: Settings) -> dict[str, Json]:
    """The settings as JSON."""
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(settings).items()}


def table(folder: Path) -> str:
    """Markdown: accuracy in percent with its 95 % interval, over the seeds or, for one, the images; and the loss."""
    paths = sorted(path for path in folder.glob("seed*/*.json") if not path.name.endswith(".cost.json"))
    found: dict[str, list[dict[str, Json]]] = {}
    for about in map(record.read_json, paths):
        found.setdefault(about["system"], []).append(about["inputs"])
    names = list(next(iter(found.values()), [{}])[0])
    lines = [f"| system | seeds | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for system, runs in found.items():
        cells = [_cell([run[name] for run in runs]) for name in names]
        lines.append(f"| {system} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(rows: list[dict[str, Json]]) -> str:
    values = [row["accuracy"] for row in rows]
    known = over_seeds(values) if len(values) > 1 else over_images(values[0], rows[0]["n"])
    loss = f", loss {sum(row['loss'] for row in rows) / len(rows):.3f}" if "loss" in rows[0] else ""
    low, high = max(0.0, known["low"]), min(1.0, known["high"])  # a t-interval does not know what a share is
    return f"{100 * known['mean']:.1f} ({100 * low:.1f} to {100 * high:.1f}){loss}"


if __name__ == "__main__":
    main(tyro.cli(Settings))
