"""Does training against adversaries in a generator's latent space pay, and on what?

    python benchmarks/generative.py --data mnist --seeds 0 1 2 --out runs/generative
    python benchmarks/generative.py --table-only --out runs/generative

The generator is trained first, once for each seed, on the same images. Every system then has the same epochs:

    plain            standard training
    pgd-at           adversaries within the L-infinity ball
    random           half of the loss on images whose fine styles and noise are drawn anew within the bounds
    gat              half of it on adversaries there
    gat-targeted     the same, towards a drawn wrong class
    gat-coarse       gat on the coarse and middle styles
    gat-all          gat on every level

Measured: accuracy on the test images, on the same images corrupted, and turned and moved at random (one draw each); and
under attacks that none but pgd-at was trained for: L-infinity, L2, and the worst of ten rotations and translations.
A second call goes on where the first was stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import tyro
from safetensors.torch import load_file, save_file
from torch import nn

import robustdial as rd
from robustdial import record
from robustdial.attack import WorstOf, parse
from robustdial.data import Data, Source, balanced, load
from robustdial.data.corruption import corruptions
from robustdial.evaluate import Accuracy, Trial, clean_accuracy, corrupted, mean_accuracy, over_seeds, unseen
from robustdial.generator import GeneratorRun, Workshop, open_generator, resume_generator, start_generator
from robustdial.method.objective import Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.models import build
from robustdial.precision import Prepared, full_precision, resolve
from robustdial.provenance import provenance
from robustdial.training.engine import TrainState, fit
from robustdial.training.rate import parse as rate
from robustdial.typing import Json


@dataclass(frozen=True)
class Settings:
    """What all systems share.

    Args:
        data: as `robustdial train` takes it; mnist, or cifar10 with --eps 8 --l2 0.5 --model resnet18.
        limit: training images, class-balanced.
        model, width: the network.
        epochs: of every system.
        generator_epochs, generator_width: of the generator.
        batch, lr, rate: of stochastic gradient descent.
        steps: of the adversary in training.
        bound: largest change of a number of the latent code, in standard deviations.
        eps: radius of pgd-at and of the L-infinity attack, in grey levels.
        l2: radius of the L2 attack.
        attack: for both.
        levels: of the corruptions.
        n: test images, class-balanced.
        seeds: of everything.
        only: names of systems to run; all by default.
        table_only: print what is there.
        out: folder of the results.
    """

    data: str = "mnist"
    limit: int | None = 10_000
    model: str = "cnn"
    width: int = 16
    epochs: int = 6
    generator_epochs: int = 6
    generator_width: int = 12
    batch: int = 128
    lr: float = 0.05
    rate: str = "triangle"
    steps: int = 3
    bound: float = 0.3
    eps: float = 51
    l2: float = 1.5
    attack: str = "pgd-20"
    levels: tuple[int, ...] = (1, 3, 5)
    n: int = 1000
    seeds: tuple[int, ...] = (0,)
    only: tuple[str, ...] = ()
    table_only: bool = False
    out: Path = Path("runs/generative")


def systems(settings: Settings, generator: str) -> dict[str, rd.Method]:
    """Name of a system to how it is trained."""
    s, bounds = settings, (settings.bound,)
    gat = rd.gat(generator, bounds=bounds, steps=s.steps)
    return {
        "plain": rd.clean(),
        "pgd-at": rd.pgd_at(eps=rd.px(s.eps), steps=s.steps),
        "random": replace(gat, solver=PGD(Step(1.0), noise=1.0), schedule=Constant(1), objective=Blend(0.5)),
        "gat": gat,
        "gat-targeted": rd.gat(generator, bounds=bounds, steps=s.steps, targeted=True),
        "gat-coarse": rd.gat(generator, ("coarse", "middle"), bounds, s.steps),
        "gat-all": rd.gat(generator, ("coarse", "middle", "fine", "noise"), bounds, s.steps),
    }


class Lab:
    """Generator and networks of one seed, trained when first asked for and kept."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed, self.folder = settings, seed, settings.out / f"seed{seed}"
        self.data: Data = load(settings.data, limit=settings.limit, seed=seed)
        self.folder.mkdir(parents=True, exist_ok=True)

    def generator(self) -> str:
        """Folder of the generator, trained to its end."""
        s, folder = self.settings, self.folder / "generator"
        run = GeneratorRun(s.data, s.generator_epochs, width=s.generator_width, seed=self.seed, limit=s.limit)
        there = (folder / record.GENERATOR).exists()
        workshop: Workshop = resume_generator(folder) if there else start_generator(folder, run)
        for step in workshop.train():
            if step.summary is not None:
                print(f"seed {self.seed} generator {step.summary}", flush=True)
        return str(folder)

    def trained(self, name: str, method: rd.Method) -> tuple[nn.Module, float]:
        """A network after training with `method`, from the disk where it is there; and its passes per image."""
        s, data, path = self.settings, self.data, self.folder / f"{name}.safetensors"
        torch.manual_seed(self.seed)
        shape = {"classes": len(data.classes), "shape": data.shape, "mean": data.mean, "std": data.std}
        model = build(s.model, **shape, width=s.width)
        if not path.exists():
            state = TrainState.new(model, lr=s.lr, rate=rate(s.rate), seed=self.seed)
            state.forward, spent = Prepared(model, resolve("auto", state.device)), 0.0
            for epoch in fit(state, data, method, epochs=s.epochs, batch=s.batch):
                spent += epoch["spent"]
                print(f"seed {self.seed} {name} {epoch['epoch']}/{s.epochs} loss {epoch['loss']:.3f}", flush=True)
            record.write_json(self.folder / f"{name}.cost.json", {"passes": spent})
            save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
        model.load_state_dict(load_file(path))
        return Prepared(model, "float32").eval(), record.read_json(self.folder / f"{name}.cost.json")["passes"]


def measured(f: nn.Module, source: Source, settings: Settings, seed: int) -> dict[str, Json]:
    """Accuracies of a network, with their intervals over the images where they have one."""
    s = settings
    attack, spatial = parse(s.attack), rd.spatial()
    trials = {
        "moved": Trial(spatial, WorstOf(1)),
        "linf": Trial(rd.Linf(rd.px(s.eps)), attack),
        "l2": Trial(rd.L2(s.l2), attack),
        "spatial": Trial(spatial, WorstOf(10)),
    }
    with full_precision():
        found = list(corrupted(f, source, corruptions(source.shape), s.levels, seed=seed))
        rows = {"clean": told(clean_accuracy(f, source))}
        for name, result in zip(trials, unseen(f, source, tuple(trials.values()), seed=seed), strict=True):
            rows[name] = told(result.accuracy)
    kinds = {f"{kind} {level}": accuracy.value for kind, level, accuracy in found}
    return rows | {"corrupted": {"value": mean_accuracy(found), "of": kinds}}


def told(accuracy: Accuracy) -> dict[str, Json]:
    """A share of right answers and its 95 % interval."""
    return {"value": accuracy.value, "interval": list(accuracy.interval), "n": accuracy.n}


def recognised(lab: Lab, folder: str) -> float:
    """Share of 1,000 random images that the plain network takes for the class they were made of."""
    net, (f, _) = open_generator(folder), lab.trained("plain", rd.clean())
    y = torch.arange(1000) % net.classes
    right = f(net.sample(y, torch.Generator().manual_seed(0))).argmax(1) == y
    return float(right.float().mean())


def table(settings: Settings) -> Iterator[str]:
    """Rows of a Markdown table: means over the seeds that are there, with their t-intervals from two seeds on."""
    columns = ("clean", "corrupted", "moved", "linf", "l2", "spatial")
    yield f"| system | seeds | {' | '.join(columns)} |"
    yield f"| --- | --- |{' --- |' * len(columns)}"
    for name in systems(settings, ""):
        found = [record.read_json(path) for path in sorted(settings.out.glob(f"seed*/{name}.json"))]
        if found:
            cells = [over_seeds([row["measured"][column]["value"] for row in found]) for column in columns]
            yield f"| {name} | {len(found)} | {' | '.join(written(cell) for cell in cells if cell)} |"


def written(cell: Json) -> str:
    """A mean in percent, and half its interval.

    >>> written({"mean": 0.5, "low": 0.4, "high": 0.6}), written({"mean": 0.5, "low": None, "high": None})
    ('50.0 ± 10.0', '50.0')
    """
    spread = "" if cell["low"] is None else f" ± {50 * (cell['high'] - cell['low']):.1f}"
    return f"{100 * cell['mean']:.1f}{spread}"


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet, and print the table."""
    for seed in () if settings.table_only else settings.seeds:
        lab = Lab(settings, seed)
        test = lab.data.test.subset(balanced(lab.data.test.labels, settings.n, torch.Generator().manual_seed(0)))
        folder = lab.generator()
        for name, method in systems(settings, folder).items():
            path = lab.folder / f"{name}.json"
            if path.exists() or (settings.only and name not in settings.only):
                continue
            f, passes = lab.trained(name, method)
            row = {"system": name, "seed": seed, "passes": passes, "measured": measured(f, test, settings, seed)}
            record.write_json(path, row | {"settings": {k: str(v) for k, v in asdict(settings).items()}} | provenance())
        path = lab.folder / "samples.json"
        if not path.exists():
            record.write_json(path, {"recognised": recognised(lab, folder), "n": 1000})
    print("\n".join(table(settings)))


if __name__ == "__main__":
    main(tyro.cli(Settings))
