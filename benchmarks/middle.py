"""What helps the middle of the dial? `radial`, taught by its clean start, with one change each.

    python benchmarks/middle.py --data cifar10 --seeds 0 --out runs/middle

Everything but the change is as in `benchmarks/worth.py`, whose networks are taken from the same folder:

    as it is       lambda is the radius, labels are half the answers of the clean start
    untaught       labels as they are
    middle         the positions between the ends are drawn twice as often
    blend          clean and adversarial loss of each row, weighed by lambda as `oat` does
    near           the squared distance of clean and adversarial probabilities (guided training), most at 1/2
    helper         an image beyond the adversarial one, as the teacher calls it (HAT)
    less teacher   the teacher's share of a label falls with lambda, from 3/4 to 1/4
    more teacher   it rises from 1/4 to 3/4
    two teachers   the clean start at 0, a robust network at 1, between them both
    mixture        the clean start at 0; elsewhere the mixture of two positions of the dial as it is
    head           the classifier follows lambda too
    one branch     one set of batch-norm statistics for all positions

All positions are measured, with the weights of the last step and with their average. A second call goes on where the
first was stopped; the table gives the robust accuracy at equal clean accuracy, between measured positions on a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import torch
import tyro
from torch import Tensor, nn
from worth import FAR, Lab, Point, Settings, check_settings, measured, taught

import robustdial as rd
from robustdial import record
from robustdial.data import balanced
from robustdial.dial.surgery import norms
from robustdial.method.objective import AT, Blend, Helped, Objective, View
from robustdial.method.objective.base import cross_entropy, of_attacked, per_row, probabilities, single
from robustdial.method.objective.soft import soft
from robustdial.provenance import provenance

RADII = (0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1.0)
LEVELS = (0.72, 0.70, 0.68, 0.66, 0.64, 0.62, 0.60)
"""Clean accuracies at which robust ones are compared."""


@dataclass(frozen=True)
class Often:
    """Every row has its own lambda, drawn with these weights."""

    weights: tuple[float, ...]

    def rows(self, batch: int, lambdas: tuple[float, ...]) -> Tensor:
        return torch.multinomial(torch.tensor(self.weights), batch, replacement=True).sort().values


@dataclass(frozen=True)
class Near:
    """CE(f(x + z), y) + weight 4 lambda (1 - lambda) ||p(x) - p(x + z)||^2; without an adversary CE(f(x), y)."""

    weight: float = 5.0

    def look(self, view: View) -> None:
        return

    def attack(self, view: View) -> Tensor:
        return cross_entropy(view.adv, view.attacked_labels)

    def learn(self, view: View) -> Tensor:
        clean, adv, lam = view.clean, view.adv, of_attacked(view.lam, view)
        apart = (single(of_attacked(clean, view)).softmax(1) - single(adv).softmax(1)).square().sum(1)
        attacked = cross_entropy(adv, view.attacked_labels) + self.weight * 4 * lam * (1 - lam) * apart
        alone = cross_entropy(clean, view.y) * (per_row(torch.ones_like(lam), view) == 0)
        return alone + per_row(attacked, view)


class Couple(nn.Module):
    """Two teachers side by side: logits `[B, 2K]` whose softmax is half the probabilities of each."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([teacher(x).log_softmax(1) for teacher in (self.first, self.second)], dim=1)


Share = Callable[[Tensor], Tensor]
"""Lambda `[B, 1]` to a share `[B, 1]`."""


def half(lam: Tensor) -> Tensor:
    """One half everywhere."""
    return torch.full_like(lam, 0.5)


@dataclass(frozen=True)
class Counselled:
    """Labels that a teacher's answers have a share in, which follows lambda.

    Args:
        objective: what learns from the labels.
        share: of the answers in the label.
        second: the teacher is a `Couple`: the second one's share of the answers. None: it is a single one.
    """

    asks_teacher: ClassVar[bool] = True

    objective: Objective
    share: Share = half
    second: Share | None = None

    def look(self, view: View) -> None:
        self.objective.look(view)

    def attack(self, view: View) -> Tensor:
        return self.objective.attack(view)

    def learn(self, view: View) -> Tensor:
        return self.objective.learn(soft(view, partial(self._labels, view)))

    def _labels(self, view: View) -> Tensor:
        lam, answers = view.lam[:, None], view.teacher_probs
        if self.second is not None:
            first, second = (2 * probs for probs in answers.chunk(2, dim=1))
            answers = torch.lerp(first, second, self.second(lam))
        return torch.lerp(probabilities(view.y, answers.shape[1]).to(answers), answers, self.share(lam))


def head_too(name: str, module: nn.Module) -> bool:
    """The layers that follow the dial by default, and the classifier."""
    return norms(name, module) or isinstance(module, nn.Linear)


def changes(lab: Lab) -> dict[str, Callable[[], nn.Module]]:
    """Name of a change to the network trained with it, with the average of its weights."""
    s = lab.settings
    plain = rd.radial(eps=s.threat.eps, steps=s.steps, lambdas=RADII, warm=0.0)
    dials = plain.dial
    assert isinstance(dials, rd.Dials)

    def dial(method: rd.Method, start: Callable[[], nn.Module] = lab.clean) -> Callable[..., nn.Module]:
        def network(name: str, teacher: Callable[[], nn.Module] = lab.clean) -> nn.Module:
            return lab.average(name, lab.trained(name, start, method, teacher=teacher))

        return network

    def counselled(**how: Any) -> rd.Method:
        return replace(plain, objective=Counselled(AT(), **how))

    def headed() -> nn.Module:
        return rd.dial(lab.clean(), dials, sites=head_too)

    def mixture() -> nn.Module:
        return as_it_is().at((0.0, FAR), mix=0.75)

    def as_it_is() -> nn.Module:
        return dial(taught(plain))("radial-taught")

    often, single_branch = replace(dials, sampling=Often((1.0, 1.0, 2.0, 2.0, 2.0, 1.0))), replace(dials, dual=False)
    both, all_positive = counselled(second=torch.clone), counselled(second=torch.ceil)
    return {
        "as it is": as_it_is,
        "untaught": partial(dial(plain), "radial"),
        "middle": partial(dial(replace(taught(plain), dial=often)), "middle"),
        "blend": partial(dial(taught(replace(plain, objective=Blend()))), "blend"),
        "near": partial(dial(taught(replace(plain, objective=Near()))), "near"),
        "helper": partial(dial(taught(replace(plain, objective=Helped(AT())))), "helper"),
        "less teacher": partial(dial(counselled(share=lambda lam: 0.75 - 0.5 * lam)), "less-teacher"),
        "more teacher": partial(dial(counselled(share=lambda lam: 0.25 + 0.5 * lam)), "more-teacher"),
        "two teachers": lambda: dial(both)("two-teachers", lambda: Couple(lab.clean(), lab.taught())),
        "mixture": lambda: dial(all_positive)("mixture", lambda: Couple(lab.clean(), mixture())),
        "head": partial(dial(taught(plain), headed), "head"),
        "one branch": partial(dial(replace(taught(plain), dial=single_branch)), "one-branch"),
    }


def at_level(points: Sequence[dict[str, Any]], level: float) -> float | None:
    """Robust accuracy where clean accuracy is `level`, on the line between measured positions; None off their ends.

    >>> at_level([{"clean": 0.8, "robust": 0.0}, {"clean": 0.6, "robust": 0.2}], 0.7)
    0.1
    """
    for left, right in pairwise(points):
        if right["clean"] <= level <= left["clean"]:
            way = (left["clean"] - level) / max(left["clean"] - right["clean"], 1e-9)
            return round(left["robust"] + way * (right["robust"] - left["robust"]), 6)
    return None


def table(folder: Path, prefix: str, names: Sequence[str]) -> Iterator[str]:
    """Robust accuracies in % at equal clean accuracy, in Markdown, of the changes that were measured."""
    yield "| change | " + " | ".join(f"{100 * level:.0f} %" for level in LEVELS) + " |"
    yield "| --- |" + " --- |" * len(LEVELS)
    for name in names:
        path = result(folder, prefix, name)
        if path.exists():
            found = [at_level(record.read_json(path)["points"], level) for level in LEVELS]
            yield f"| {name} | " + " | ".join("" if value is None else f"{100 * value:.1f}" for value in found) + " |"


def result(folder: Path, prefix: str, name: str) -> Path:
    """Where the measurements of a change are kept."""
    return folder / f"{prefix}-{name.replace(' ', '-')}.json"


def play(settings: Settings, prefix: str, changes: Callable[[Lab], dict[str, Callable[[], nn.Module]]]) -> None:
    """Train and measure every change of every seed that has not been measured yet, then print the tables."""
    check_settings(settings)
    for seed in settings.seeds:
        lab = Lab(settings, seed)
        networks = changes(lab)
        if unknown := set(settings.only) - networks.keys():
            raise ValueError(f"There is no change {', '.join(unknown)}. There are: {'; '.join(networks)}.")
        test = lab.data.test.subset(balanced(lab.data.test.labels, settings.n, torch.Generator().manual_seed(0)))
        for name in settings.only or networks:
            path = result(lab.folder, prefix, name)
            if path.exists():
                continue
            model: Any = networks[name]()
            rows = [measured(Point(lam, model.at(lam)), test, settings, seed) for lam in RADII]
            record.write_json(path, {"system": f"{prefix}, {name}", "seed": seed, "points": rows, **provenance()})
        print("\n".join([f"\nseed {seed}", *table(lab.folder, prefix, list(networks))]), flush=True)


if __name__ == "__main__":
    play(tyro.cli(Settings), "middle", changes)
