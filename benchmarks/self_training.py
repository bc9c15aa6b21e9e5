"""Do unlabelled images pay for robustness? Robust self-training against training on the labelled images alone.

    python benchmarks/self_training.py --data cifar10 --labelled 4000 --seeds 0 1 2 --out runs/self-training

One standard network of each seed learns from the labelled images and labels the others. Every other system starts from
its weights and makes the same number of updates, with its adversary in the same number of steps:

    standard, at, trades                        the labelled images alone
    self-training, rst, rst-trades              half of each batch is unlabelled
    spatial, rst-spatial                        the same, against rotations and translations

`at` and `spatial` have the loss of `rst`, half clean and half adversarial. A second call goes on where the first was
stopped; each measured system has a JSON file of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import tyro
from safetensors.torch import load_file, save_file
from torch import nn

import robustdial as rd
from robustdial import record
from robustdial.attack import parse
from robustdial.data import Data, balanced, load
from robustdial.evaluate import measure
from robustdial.method.objective import Blend
from robustdial.method.threat import Threat
from robustdial.models import build
from robustdial.precision import Prepared, full_precision, resolve
from robustdial.provenance import provenance
from robustdial.run import device_of
from robustdial.training.engine import TrainState, fit
from robustdial.training.rate import parse as rate

STANDARD = "standard"


@dataclass(frozen=True)
class Settings:
    """What all systems share.

    Args:
        data: as `robustdial train` takes it.
        limit: training images, with labels or without; all by default.
        labelled: of them that keep their labels, class-balanced.
        model, width: the network.
        epochs: of all training images; a system without unlabelled ones has as many updates.
        batch, lr, rate: of stochastic gradient descent.
        steps: of the adversary in training.
        draws: random rotations in training.
        eps: radius of the threat, in grey levels.
        attack, n: to measure with, on so many test images, class-balanced.
        spatial_attack, spatial_n: the same, against rotations and translations.
        seeds: of weights, order, adversaries, and of which images are labelled.
        only: names of systems to run; all by default.
        device: auto, cpu, cuda.
        out: folder of the results.
    """

    data: str = "cifar10"
    limit: int | None = None
    labelled: int = 4000
    model: str = "resnet18"
    width: int = 16
    epochs: int = 6
    batch: int = 128
    lr: float = 0.1
    rate: str = "cosine"
    steps: int = 5
    draws: int = 10
    eps: float = 8
    attack: str = "pgd-20"
    n: int = 1000
    spatial_attack: str = "worst-of-100"
    spatial_n: int = 500
    seeds: tuple[int, ...] = (0,)
    only: tuple[str, ...] = ()
    device: str = "auto"
    out: Path = Path("runs/self-training")


class System(NamedTuple):
    """What is trained, and whether it is measured against rotations."""

    method: rd.Method
    turned: bool = False


def systems(settings: Settings) -> dict[str, System]:
    """Name to system; `standard` comes first, as it is the teacher."""
    eps, steps, draws = rd.px(settings.eps), settings.steps, settings.draws
    step = max(0.25, 1.25 / steps)  # few steps must reach the edge
    rst, turned = rd.rst(eps, steps=steps, step=step), rd.spatial_at(draws=draws)
    return {
        STANDARD: System(rd.clean(eps)),
        "at": System(replace(rst, objective=Blend(0.5), unlabelled=0.0)),
        "trades": System(rd.trades(eps, steps=steps, step=step)),
        "self-training": System(rd.rst(eps, beta=0.0)),
        "rst": System(rst),
        "rst-trades": System(rd.rst_trades(eps, steps=steps, step=step)),
        "standard, turned": System(rd.clean(eps), True),
        "spatial": System(turned, True),
        "rst-spatial": System(rd.rst_spatial(draws=draws), True),
    }


class Lab:
    """The networks of one seed, trained when first asked for and kept."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed, self.folder = settings, seed, settings.out / f"seed{seed}"
        self.device = device_of(settings.device)
        found = load(settings.data, limit=settings.limit, val=0, seed=seed, labelled=settings.labelled)
        self.data: Data = found.to(self.device)
        self.folder.mkdir(parents=True, exist_ok=True)

    def fresh(self) -> nn.Module:
        """A network that has learned nothing; the same at each call."""
        torch.manual_seed(self.seed)
        data, s = self.data, self.settings
        classes, mean, std = len(data.classes), data.mean, data.std
        net = build(s.model, classes=classes, shape=data.shape, mean=mean, std=std, width=s.width)
        return net.to(self.device)

    def trained(self, name: str, method: rd.Method) -> nn.Module:
        """A network after training with `method`, from the disk where it is there."""
        model, path = self.fresh(), self.folder / f"{name}.safetensors"
        if not path.exists():
            if name != STANDARD:
                model.load_state_dict(self.standard().state_dict())
            self._train(name, model, method)
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
        model.load_state_dict(load_file(path))
        return model.eval()

    def standard(self) -> nn.Module:
        """The network that labels the unlabelled images, and that the others start from."""
        return self.trained(STANDARD, systems(self.settings)[STANDARD].method)

    def taught(self) -> Data:
        """The data, its unlabelled images labelled by the standard network."""
        return rd.pseudo_labelled(self.data, self.standard())

    def epochs(self, method: rd.Method) -> int:
        """Epochs of what a method learns from that make the updates of all systems."""
        s, labelled = self.settings, len(self.data.train)
        whole = labelled + len(self.data.unlabelled or ())
        updates = s.epochs * (whole // s.batch)
        return s.epochs if method.unlabelled else round(updates / max(1, labelled // s.batch))

    def _train(self, name: str, model: nn.Module, method: rd.Method) -> None:
        s, epochs, saved = self.settings, self.epochs(method), self.folder / f"{name}.state.safetensors"
        data = self.taught() if method.unlabelled else self.data
        torch.manual_seed(self.seed)
        state = TrainState.new(model, lr=s.lr, rate=rate(s.rate), seed=self.seed)
        state.forward = Prepared(model, resolve("auto", state.device))
        if saved.exists():
            rd.restore(state, saved)
        clock = time.time()
        for epoch in fit(state, data, method, epochs=epochs, batch=s.batch):
            rd.save(state, saved)
            if epoch["epoch"] % max(1, epochs // 10) == 0:
                told = f"loss {epoch['loss']:.3f} {(time.time() - clock) / 60:.1f} min"
                print(f"seed {self.seed} {name} {epoch['epoch']}/{epochs} {told}", flush=True)
        for part in (saved, saved.with_suffix(".json")):
            part.unlink(missing_ok=True)


def measured(net: nn.Module, data: Data, attack: str, threat: Threat, n: int, seed: int) -> dict[str, object]:
    """Accuracies of a network in float32, as fractions, with their Wilson intervals of 95 %."""
    source = data.test.subset(balanced(data.test.labels, n, torch.Generator().manual_seed(0)))
    torch.manual_seed(seed)
    with full_precision():
        clean, robust = measure(Prepared(net, "float32").eval(), source, parse(attack), threat)
    both = {"clean": clean.value, "clean_interval": clean.interval}
    return {**both, "robust": robust.value, "robust_interval": robust.interval, "attack": attack, "n": clean.n}


def results(lab: Lab) -> Iterator[dict[str, object]]:
    """Every system of a seed that has not been measured yet."""
    s = lab.settings
    for name, system in systems(s).items():
        path = lab.folder / f"{name.replace(', ', '-')}.json"
        if path.exists() or (s.only and name not in s.only):
            continue
        net = lab.trained(name.partition(",")[0], system.method)
        attack, n = (s.spatial_attack, s.spatial_n) if system.turned else (s.attack, s.n)
        threat: Threat = rd.spatial() if system.turned else rd.Linf(rd.px(s.eps))
        found = measured(net, lab.data, attack, threat, n, lab.seed)
        record.write_json(path, {"system": name, "seed": lab.seed, **found, **provenance()})
        yield {"system": name, **found}


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet."""
    for seed in settings.seeds:
        for row in results(Lab(settings, seed)):
            print(f"seed {seed} {row['system']}: clean {row['clean']:.3f}, {row['attack']} {row['robust']:.3f}")


if __name__ == "__main__":
    main(tyro.cli(Settings))
