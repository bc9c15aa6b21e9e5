"""Is the dial worth it? One dialed network against what one can build without a dial, on the same data and budget.

    python benchmarks/worth.py --data cifar10 --limit 8000 --seeds 0 1 2 --out runs/worth-first

Every system starts from the same clean network of its seed, trained for `first` epochs, and has `epochs` more:

    dedicated     a network for each radius, or for each weight of the adversarial loss
    interpolation of the weights of the clean network and its robust fine-tune, statistics re-estimated
    mixing        the probabilities of a clean and a robust network, attacked through the mixture; two forwards
    nuts          the same, the robust network's logits bent as MixedNUTS does
    within        the probabilities of two positions of one dial, attacked through the mixture; two forwards
    line          the dial in weight space: weights between two ends, both trained
    oat           the paper's dial: lambda weighs the adversarial loss; also without the clean start
    radial        the dial over the radius; also with a quarter of the rows at lambda 0, and in one run, with a warm
                  part instead of a clean start
    radial-trades TRADES as its loss: lambda turns weight and radius; also with the weights averaged
    taught        all of these with labels that are half the answers of the clean network
    standard      no adversary in any of these epochs

and, of the taught `radial`, with one change each:

    one step      an adversary of one step in twice the epochs: the same passes, twice the updates
    longer        twice the epochs: the passes of two dedicated networks

A second call goes on where the first was stopped. `benchmarks/worth_picture.py` draws what it wrote.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
import tyro
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import robustdial as rd
from robustdial import record
from robustdial.attack import parse
from robustdial.data import Data, Source, augmented, balanced, load
from robustdial.dial import Dials, Fixed, Mixture, Nuts, kind_of, reestimated
from robustdial.evaluate import fit_nuts, measure
from robustdial.method.objective import AT, Blend, Distilled
from robustdial.method.schedule import Constant, Warm
from robustdial.method.solver import PGD, Step
from robustdial.models import build
from robustdial.precision import Prepared, full_precision, resolve
from robustdial.provenance import provenance
from robustdial.training.engine import TrainState, averaged, fit
from robustdial.training.rate import parse as rate

RADII = (0.5, 1.0)
WEIGHTS = (0.2, 0.4)
SHARES = (0.25, 0.5, 0.75, 1.0)
FAR = 2 / 3
"""Where the second position of a mixture within the dial stands; the first is 0."""
DECAY = 0.995


@dataclass(frozen=True)
class Settings:
    """What all systems share.

    Args:
        data: as `robustdial train` takes it.
        limit: training images, class-balanced.
        model, width: the network.
        first: epochs of the clean start.
        epochs: of what follows.
        batch, lr, rate: of stochastic gradient descent.
        steps: of the adversary in training.
        eps: radius of the threat, in grey levels.
        n: test images, class-balanced.
        attack: to measure with.
        seeds: of weights, order and adversaries.
        only: names of systems to run; all by default.
        out: folder of the results.
    """

    data: str = "cifar10"
    limit: int | None = 8000
    model: str = "resnet18"
    width: int = 16
    first: int = 20
    epochs: int = 10
    batch: int = 64
    lr: float = 0.1
    rate: str = "triangle"
    steps: int = 3
    eps: float = 8
    n: int = 1000
    attack: str = "pgd-10"
    seeds: tuple[int, ...] = (0,)
    only: tuple[str, ...] = ()
    out: Path = Path("runs/worth-first")

    @property
    def threat(self) -> rd.Linf:
        """The threat that is defended."""
        return rd.Linf(rd.px(self.eps))

    def method(self, share: float = 1.0, *, adversary: bool = True) -> rd.Method:
        """Adversarial training of a plain network within a share of the radius; standard training without adversary."""
        passes = self.steps + 1 if adversary else 1
        threat = rd.Linf(share * self.threat.eps)
        return rd.Method(threat, PGD(Step(spread=1.25), noise=float(adversary)), Constant(passes), AT(), Fixed())


class Point(NamedTuple):
    """A network to measure: where it stands on its system's dial, and what a prediction costs."""

    position: float
    f: nn.Module
    forwards: int = 1


class Lab:
    """The networks of one seed, trained when first asked for and kept."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed, self.folder = settings, seed, settings.out / f"seed{seed}"
        self.data: Data = load(settings.data, limit=settings.limit, val=0.05, seed=seed)
        self.folder.mkdir(parents=True, exist_ok=True)

    def plain(self) -> nn.Module:
        """A fresh network; the same at each call."""
        torch.manual_seed(self.seed)
        data = self.data
        return build(
            self.settings.model,
            classes=len(data.classes),
            shape=data.shape,
            mean=data.mean,
            std=data.std,
            width=self.settings.width,
        )

    def clean(self) -> nn.Module:
        """The clean start of everything, and the teacher of what is taught."""
        return self.trained("clean", self.plain, self.settings.method(adversary=False), self.settings.first)

    def robust(self, share: float = 1.0) -> nn.Module:
        """The clean start, fine-tuned against an adversary of a share of the radius."""
        return self.trained(f"radius-{share:g}", self.clean, self.settings.method(share))

    def taught(self, share: float = 1.0) -> nn.Module:
        """The same, with the clean start as its teacher."""
        return self.trained(f"taught-{share:g}", self.clean, taught(self.settings.method(share)))

    def standard(self) -> nn.Module:
        """A network that was trained without an adversary for as long as everything else."""
        method, epochs = self.settings.method(adversary=False), self.settings.first + self.settings.epochs
        return self.trained("standard", self.plain, method, epochs)

    def trained(
        self,
        name: str,
        start: Callable[[], nn.Module],
        method: rd.Method,
        epochs: int | None = None,
        teacher: Callable[[], nn.Module] | None = None,
    ) -> nn.Module:
        """`start` after training with `method`, from the disk where it is there; by default the clean start teaches."""
        model = start()
        if kind_of(model) == Fixed():
            model = method.dial.put_on(model)
        if not self._weights(name).exists():
            self._train(name, model, method, epochs or self.settings.epochs, teacher or self.clean)
        model.load_state_dict(load_file(self._weights(name)))
        return model.eval()

    def average(self, name: str, model: nn.Module) -> nn.Module:
        """The trained network `model` of this name with the running average of its weights."""
        model.load_state_dict(load_file(self._weights(f"{name}.average")))
        return model.eval()

    def images(self, number: int = 2048) -> Iterator[Tensor]:
        """Batches of training images, to measure batch-norm statistics on."""
        order = list(torch.split(torch.arange(min(number, len(self.data.train))), 128))
        for index, (x, _) in zip(order, self.data.train.batches(order), strict=True):
            yield augmented(self.data, index, x)[0]

    def bend(self, robust: nn.Module) -> Nuts:
        """What MixedNUTS does to the logits of a robust network, fitted on validation images."""
        torch.manual_seed(self.seed)
        return fit_nuts(robust, self.data.val, "pgd-20", self.settings.threat).nuts

    def _weights(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"

    def _train(
        self, name: str, model: nn.Module, method: rd.Method, epochs: int, teacher: Callable[[], nn.Module]
    ) -> None:
        torch.manual_seed(self.seed)
        state = TrainState.new(model, lr=self.settings.lr, rate=rate(self.settings.rate), seed=self.seed)
        precision = resolve("auto", state.device)
        state.forward, state.average = Prepared(model, precision), averaged(model, DECAY)
        if method.asks_teacher:
            state.teacher = Prepared(teacher().requires_grad_(False).eval(), precision)
        clock, spent = time.process_time(), 0.0
        for epoch in fit(state, self.data, method, epochs=epochs, batch=self.settings.batch):
            spent += epoch["spent"]
            print(f"seed {self.seed} {name} {epoch['epoch']}/{epochs} loss {epoch['loss']:.3f}", flush=True)
        cost = {"seconds": time.process_time() - clock, "passes": spent, "epochs": epochs}
        record.write_json(self.folder / f"{name}.cost.json", cost)
        for kind, network in ((f"{name}.average", state.served), (name, model)):
            save_file({key: value.contiguous() for key, value in network.state_dict().items()}, self._weights(kind))


def systems(lab: Lab) -> dict[str, Callable[[], Iterator[Point]]]:
    """Name of a system to its networks."""
    s, budget = lab.settings, lab.settings.first + lab.settings.epochs
    radii, weights = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0), (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
    oat = rd.oat(eps=s.threat.eps, steps=s.steps, lambdas=weights)
    radial = rd.radial(eps=s.threat.eps, steps=s.steps, lambdas=radii, warm=0.0)
    more = rd.radial(eps=s.threat.eps, steps=s.steps, lambdas=radii, warm=0.0, zeros=0.25)
    line = rd.radial(eps=s.threat.eps, steps=s.steps, lambdas=radii, warm=0.0, dial="line")
    trades = rd.radial_trades(eps=s.threat.eps, steps=s.steps, lambdas=radii, warm=0.0)
    one_step = replace(radial, solver=PGD(Step(spread=1.25)), schedule=Constant(2))
    one_run = replace(radial, schedule=Warm(s.first / budget, radial.schedule))

    def standard() -> Iterator[Point]:
        yield Point(0.0, lab.standard())

    def taught_by_radius() -> Iterator[Point]:
        for share in RADII:
            yield Point(share, lab.taught(share))

    def by_radius() -> Iterator[Point]:
        for share in RADII:
            yield Point(share, lab.robust(share))

    def by_weight() -> Iterator[Point]:
        for lam in WEIGHTS:
            method = replace(s.method(), objective=Blend(), dial=Dials((lam,)))
            yield Point(lam, lab.trained(f"weight-{lam:g}", lab.clean, method).bake(lam))

    def interpolation(robust: Callable[[], nn.Module]) -> Callable[[], Iterator[Point]]:
        def points() -> Iterator[Point]:
            for share in SHARES:
                yield Point(share, reestimated(interpolated(lab.clean(), robust(), share), lab.images()))

        return points

    def mixing(robust: Callable[[], nn.Module]) -> Callable[[], Iterator[Point]]:
        def points() -> Iterator[Point]:
            for share in SHARES:
                yield between(rd.mixed(lab.clean(), robust()), share)

        return points

    def nuts() -> Iterator[Point]:
        bent = rd.mixed(lab.clean(), lab.taught(), lab.bend(lab.taught()))
        for share in SHARES:
            yield between(bent, share)

    def within() -> Iterator[Point]:
        model = lab.trained("radial-taught", lab.clean, taught(radial))
        for share in (0.5, 0.75, 0.9):
            yield Point(share * FAR, model.at((0.0, FAR), mix=share), 2)

    def between(model: Mixture, share: float) -> Point:
        return Point(share, model.at(share), 1 if share == 1 else 2)

    def positions(model: nn.Module) -> Iterator[Point]:
        for lam in model.dials.lambdas:
            yield Point(lam, model.at(lam))

    def dialed(name: str, method: rd.Method, epochs: int = s.epochs) -> Callable[[], Iterator[Point]]:
        return lambda: positions(lab.trained(name, lab.clean, method, epochs))

    def cold(name: str, method: rd.Method) -> Callable[[], Iterator[Point]]:
        return lambda: positions(lab.trained(name, lab.plain, method, budget))

    def average() -> Iterator[Point]:
        name = "radial-trades-taught"
        yield from positions(lab.average(name, lab.trained(name, lab.clean, taught(trades))))

    return {
        "standard": standard,
        "radial": dialed("radial", radial),
        "oat": dialed("oat", oat),
        "radial, taught": dialed("radial-taught", taught(radial)),
        "oat, taught": dialed("oat-taught", taught(oat)),
        "radial-trades, taught": dialed("radial-trades-taught", taught(trades)),
        "radial-trades, averaged": average,
        "dedicated, taught": taught_by_radius,
        "dedicated, radius": by_radius,
        "interpolation": interpolation(lab.robust),
        "mixing": mixing(lab.robust),
        "interpolation, taught": interpolation(lab.taught),
        "mixing, taught": mixing(lab.taught),
        "nuts, taught": nuts,
        "within, taught": within,
        "line, taught": dialed("line-taught", taught(line)),
        "dedicated, weight": by_weight,
        "oat, cold": cold("oat-cold", oat),
        "radial, a quarter at 0": dialed("radial-zeros", more),
        "radial, one run": cold("radial-one-run", one_run),
        "radial, one step": dialed("radial-one-step", taught(one_step), 2 * s.epochs),
        "radial, longer": dialed("radial-longer", taught(radial), 2 * s.epochs),
    }


def taught(method: rd.Method) -> rd.Method:
    """The method with labels of which a teacher's answers are half."""
    return replace(method, objective=Distilled(method.objective, 0.5))


def interpolated(a: nn.Module, b: nn.Module, share: float) -> nn.Module:
    """The network whose weights lie between those of `a` (share 0) and `b` (share 1)."""
    between, ends = copy.deepcopy(a), (a.state_dict(), b.state_dict())
    between.load_state_dict(
        {k: torch.lerp(v, ends[1][k], share) if v.is_floating_point() else v for k, v in ends[0].items()}
    )
    return between


def measured(point: Point, source: Source, settings: Settings, seed: int) -> dict[str, float | int]:
    """Accuracies of a network in float32, as fractions."""
    torch.manual_seed(seed)
    with full_precision():
        clean, robust = measure(Prepared(point.f, "float32").eval(), source, parse(settings.attack), settings.threat)
    return {
        "position": point.position,
        "clean": clean.value,
        "robust": robust.value,
        "n": clean.n,
        "forwards": point.forwards,
    }


def check_settings(settings: Settings) -> None:
    """Keep what all systems share beside the results. Raises ValueError if the folder was made with something else."""
    shared = {name: value for name, value in asdict(settings).items() if name not in ("seeds", "only", "out")}
    path = settings.out / "settings.json"
    if path.exists() and (kept := json.loads(path.read_text())) != shared:
        other = ", ".join(f"{name} {kept.get(name)}" for name, value in shared.items() if kept.get(name) != value)
        raise ValueError(f"{settings.out} was made with {other}. Give that again, or another --out.")
    settings.out.mkdir(parents=True, exist_ok=True)
    record.write_json(path, shared)


def main(settings: Settings) -> None:
    """Train and measure every system of every seed that has not been measured yet."""
    check_settings(settings)
    for seed in settings.seeds:
        lab = Lab(settings, seed)
        if unknown := set(settings.only) - systems(lab).keys():
            raise ValueError(f"There is no system {', '.join(unknown)}. There are: {'; '.join(systems(lab))}.")
        test = lab.data.test.subset(balanced(lab.data.test.labels, settings.n, torch.Generator().manual_seed(0)))
        for name, points in systems(lab).items():
            path = lab.folder / f"{name.replace(', ', '-').replace(' ', '-')}.json"
            if path.exists() or (settings.only and name not in settings.only):
                continue
            rows = [measured(point, test, settings, seed) for point in points()]
            record.write_json(path, {"system": name, "seed": seed, "points": rows, **provenance()})
            print(f"seed {seed} {name}: {[(round(r['clean'], 3), round(r['robust'], 3)) for r in rows]}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Settings))
