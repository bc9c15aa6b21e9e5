"""How fast AutoAttack is, and how well it attacks: by robustdial and by torchattacks, on one network.

    python benchmarks/autoattack.py --batch 8 --rounds 3

The attacks of each library run in turn on what still stands, and the libraries take turns within each attack.
The `AutoAttack` of torchattacks 3.5.1 has APGD and FAB with 10 steps, and lets the windows of Square depend on the
queries. Here its parts are put together with the published constants: 100 steps, and windows that do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import peers_env

if __name__ == "__main__":
    peers_env.enter(__file__)  # the calling environment may lack what is imported below

import torch
import tyro
from attacks import SHARED, pictures, trained
from interleave import circumstances, console, say, write
from rich.table import Table
from torch import Tensor, nn

from robustdial.attack import autoattack
from robustdial.attack.base import without_gradients
from robustdial.folding import folded
from robustdial.method.threat import Linf
from robustdial.precision import Confirmed, Prepared
from robustdial.typing import px

EPS = px(8)
PARTS = ("apgd-ce", "apgd-t", "fab-t", "square")
BASE, COMPILED = "torchattacks", "robustdial, compiled"
SEARCHED, BOTH = "robustdial, searched in bfloat16", "robustdial, compiled, searched in bfloat16"

Attack = Callable[[Tensor, Tensor], Tensor]
"""Images and labels to adversarial images."""


@dataclass(frozen=True)
class Course:
    """How one contender fares.

    Attributes:
        attacks: of AutoAttack, in turn.
        seconds: of processor time, round by round, for each attack.
        given: images that each attack was given, likewise.
        standing: images that are left in the end of each round.
    """

    attacks: tuple[Attack, ...]
    seconds: list[list[float]] = field(default_factory=list)
    given: list[list[int]] = field(default_factory=list)
    standing: list[int] = field(default_factory=list)


def ours(net: nn.Module, compiled: bool = False, few: Tensor | None = None) -> tuple[Attack, ...]:
    """The attacks of robustdial, on a network that is folded and laid out channels last.

    With some images, `few`, those that follow gradients search in bfloat16, as `evaluate --search` lets them.
    """
    f: nn.Module = Prepared(folded(net), "float32")
    search = f if few is None else Confirmed(f, few)
    if compiled:
        for asked in {f, search.quick if isinstance(search, Confirmed) else search}:
            asked.compile(dynamic=True)
    parts = ((attack, f if without_gradients(attack) else search) for attack in autoattack().attacks)
    return tuple(lambda x, y, part=part: part[0](part[1], x, y, Linf(EPS)) for part in parts)


def theirs(net: nn.Module) -> tuple[Attack, ...]:
    """The attacks of torchattacks' AutoAttack, with the published constants."""
    from torchattacks import APGD, APGDT, FAB, Square

    return (
        APGD(net, eps=EPS, steps=100),
        APGDT(net, eps=EPS, steps=100, n_classes=10),
        FAB(net, eps=EPS, steps=100, multi_targeted=True, n_classes=10),
        Square(net, eps=EPS, n_queries=5000, resc_schedule=False),
    )


def play(net: nn.Module, courses: Mapping[str, Course], x: Tensor, y: Tensor) -> None:
    """One round: every attack by every contender, each on the images that still stand against it."""
    correct = right(net, x, y)
    standing = dict.fromkeys(courses, correct)
    for course in courses.values():
        course.seconds.append([])
        course.given.append([])
    for part in range(len(PARTS)):
        for name, course in courses.items():
            rows = standing[name].nonzero().squeeze(1)
            begin = time.process_time()
            adv = course.attacks[part](x[rows], y[rows]) if len(rows) else x[rows]
            course.seconds[-1].append(time.process_time() - begin)
            course.given[-1].append(len(rows))
            inside = (adv - x[rows]).abs().le(EPS + 1e-6) & adv.ge(0) & adv.le(1)
            assert inside.all(), f"{name} left the ball"
            standing[name] = standing[name].index_put((rows,), right(net, adv, y[rows]))
    for name, course in courses.items():
        course.standing.append(int(standing[name].sum()))


@torch.no_grad()
def right(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Which images the network classifies rightly."""
    return net(x).argmax(1) == y


def table(courses: Mapping[str, Course], images: int) -> Table:
    """Seconds per image that an attack was given, medians over rounds; ratios within rounds; what stands in the end."""
    title = f"processor seconds per image given, {images} images"
    shown = Table("", *PARTS, "in all", f"faster than {BASE}", "standing", title=title, title_justify="left")
    theirs = [sum(seconds) for seconds in courses[BASE].seconds]
    for name, course in courses.items():
        rounds = list(zip(course.seconds, course.given, strict=True))
        each = [median([s[part] / g[part] for s, g in rounds if g[part]] or [0.0]) for part in range(len(PARTS))]
        ratios = [base / sum(seconds) for seconds, base in zip(course.seconds, theirs, strict=True)]
        cells = (f"{seconds:.2f}" for seconds in (*each, median(sum(s) / g[0] for s, g in rounds)))
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
        shown.add_row(name, *cells, ratio, str(sum(course.standing)))
    return shown


def numbers(courses: Mapping[str, Course]) -> dict[str, dict[str, object]]:
    """What was measured, for a file."""
    return {
        name: {"parts": PARTS, "seconds": course.seconds, "given": course.given, "standing": course.standing}
        for name, course in courses.items()
    }


def main(
    batch: int = 8,
    rounds: int = 3,
    compile: bool = False,
    bfloat16: bool = False,
    weights: Path = SHARED / "reference/rn18w16_cifar.safetensors",
    images: Path = SHARED / "data/cifar10/test_lossless_1k.npz",
    json: Path | None = None,
) -> None:
    """Compare AutoAttack (L-infinity, 8/255) with that of torchattacks, on ResNet-18 and one thread.

    Args:
        batch: images of a round; each round has other ones.
        rounds: how many, at least 1.
        compile: attack also a compiled network, searched as `bfloat16` says; the compiler's time is left out.
        bfloat16: search also in bfloat16, the answers those of float32.
        weights: of a ResNet-18 for [0, 1] pixels (safetensors).
        images: npz file with uint8 `images` [N, 32, 32, 3] and their `labels`.
        json: file to write the numbers to.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net, (x, y) = trained(weights).requires_grad_(False), pictures(images)
    courses = {"robustdial": Course(ours(net)), BASE: Course(theirs(net))}
    if bfloat16:
        courses[SEARCHED] = Course(ours(net, few=x[:16]))
    if compile:
        name = BOTH if bfloat16 else COMPILED
        courses[name] = Course(ours(net, True, x[:16] if bfloat16 else None))
        for attack in courses[name].attacks[:3]:
            attack(x[:batch], y[:batch])
    facts = circumstances(rounds) | {"images": batch * rounds, "seed": 0}
    for number in range(rounds):
        part = slice(number * batch, (number + 1) * batch)
        play(net, courses, x[part], y[part])
    console.print(table(courses, batch * rounds))
    console.print(say(facts))
    if json:
        write(json, facts, numbers(courses))


if __name__ == "__main__":
    tyro.cli(main)
