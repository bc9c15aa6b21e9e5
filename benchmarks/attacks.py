"""How fast images are attacked, and how well: PGD-10 by robustdial, torchattacks, foolbox and ART on one network.

    python benchmarks/attacks.py --rounds 5

The other libraries live in `.venv-peers`, which the script makes at its first run and starts itself in. All of them run
in turns, in one process. Accuracies under attack stand beside the speeds, so that speed is not bought with weakness.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import peers_env

if __name__ == "__main__":
    peers_env.enter(__file__)  # the calling environment may lack what is imported below

import numpy as np
import torch
import tyro
from interleave import Timings, circumstances, console, rates_table, say, take_turns, write
from rich.table import Table
from safetensors.torch import load_file
from torch import Tensor, nn

from robustdial.attack import PGDAttack
from robustdial.method.threat import Linf
from robustdial.models import ResNet
from robustdial.precision import Prepared, resolve
from robustdial.typing import px

EPS, STEP, STEPS = px(8), px(2), 10
LAST = ", channels last"
SHARED = peers_env.CHECKOUT.parent / "shared"

Format = Literal["float32", "bfloat16"]
Attack = Callable[[Tensor, Tensor], Tensor]
"""Images and labels to adversarial images."""
Library = Callable[[nn.Module], Attack]
"""A network to the attack on it, set up as its users do."""


def robustdial(model: nn.Module, precision: Format, compiled: bool) -> Attack:
    """Ours."""
    attack, f = PGDAttack(STEPS, STEP / EPS), Prepared(model, precision, compiled)
    return lambda x, y: attack(f, x, y, Linf(EPS))


def torchattacks(model: nn.Module) -> Attack:
    """Kim, Torchattacks: a PyTorch repository for adversarial attacks."""
    from torchattacks import PGD

    return PGD(model, eps=EPS, alpha=STEP, steps=STEPS, random_start=True)


def foolbox(model: nn.Module) -> Attack:
    """Rauber et al., Foolbox Native."""
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD
    from foolbox.criteria import Misclassification

    wrapped, attack = PyTorchModel(model, bounds=(0, 1)), LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=True)
    # run() rather than the call: the call adds a forward pass to say which images fell
    return lambda x, y: attack.run(wrapped, x, Misclassification(y), epsilon=EPS)


def art(model: nn.Module) -> Attack:
    """Nicolae et al., Adversarial Robustness Toolbox; its interface is numpy."""
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(model, nn.CrossEntropyLoss(), (3, 32, 32), 10, clip_values=(0, 1), device_type="cpu")

    def attack(x: Tensor, y: Tensor) -> Tensor:
        pgd = ProjectedGradientDescent(
            classifier, eps=EPS, eps_step=STEP, max_iter=STEPS, num_random_init=1, batch_size=len(x), verbose=False
        )
        return torch.from_numpy(pgd.generate(x.numpy(), y.numpy()))

    return attack


PEERS: dict[str, Library] = {"torchattacks": torchattacks, "foolbox": foolbox, "ART": art}


def ours(net: nn.Module, precision: tuple[Format, ...], compiled: tuple[bool, ...]) -> dict[str, Attack]:
    """Our attack in every number format; the network is laid out channels last."""
    return {
        f"robustdial, {lower}{', compiled' * fast}": robustdial(copy.deepcopy(net), lower, fast)
        for lower in precision
        for fast in compiled
    }


def theirs(net: nn.Module) -> dict[str, Attack]:
    """The peers in float32, on the network as it is and on one laid out channels last."""
    attacks = {name: library(copy.deepcopy(net)) for name, library in PEERS.items()}
    for name, library in PEERS.items():
        attacks[name + LAST] = library(copy.deepcopy(net).to(memory_format=torch.channels_last))
    return attacks


def speeds(attacks: Mapping[str, Attack], batch: int, rounds: int) -> Timings:
    """Images per second of each attack on the same random images."""
    x, y = torch.rand(batch, 3, 32, 32), torch.randint(10, (batch,))
    return take_turns({name: partial(attack, x, y) for name, attack in attacks.items()}, batch, rounds)


def best_peers(timings: Timings) -> list[str]:
    """The fastest peer as its users run it, and the fastest one on a network laid out channels last."""

    def fastest(suffix: str) -> str:
        return max((name + suffix for name in PEERS), key=lambda name: timings[name].median)

    return [fastest(""), fastest(LAST)]


def accuracy(net: nn.Module, attack: Attack, x: Tensor, y: Tensor, batch: int, seed: int = 0) -> float:
    """Share of the attacked images that `net` still classifies rightly, judged in float32."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (ART draws its starts from this generator)
    correct = 0
    for images, labels in zip(x.split(batch), y.split(batch), strict=True):
        adv = attack(images, labels)
        assert (adv - images).abs().max() <= EPS + 1e-6 and adv.min() >= 0 and adv.max() <= 1, "outside the ball"
        with torch.no_grad():
            correct += int((net(adv).argmax(1) == labels).sum())
    return correct / len(y)


def accuracy_table(found: Mapping[str, float], images: int) -> Table:
    """Accuracies under attack, and how they differ from ours in float32."""
    table = Table("", "accuracy under attack, %", "difference, points", title=f"{images} images", title_justify="left")
    for name, value in found.items():
        table.add_row(name, f"{100 * value:.1f}", f"{100 * (value - found['robustdial, float32']):+.1f}")
    return table


def trained(weights: Path) -> nn.Module:
    """A ResNet-18 for [0, 1] pixels; its width is read from the weights."""
    state = load_file(weights)
    net = ResNet(10, 3, len(state["bn1.weight"]))
    net.load_state_dict(state)
    return net.eval()


def pictures(file: Path) -> tuple[Tensor, Tensor]:
    """Images `[N, 3, 32, 32]` in [0, 1] and labels of an npz file with uint8 `images` `[N, 32, 32, 3]` and `labels`."""
    with np.load(file) as arrays:
        images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    return images.permute(0, 3, 1, 2).contiguous().float() / 255, labels.long()


def main(
    cases: tuple[tuple[int, int], ...] = ((16, 128), (64, 32)),
    rounds: int = 5,
    compile: bool = True,
    threads: int = torch.get_num_threads(),
    weights: Path = SHARED / "reference/rn18w16_cifar.safetensors",
    images: Path = SHARED / "data/cifar10/test_lossless_1k.npz",
    json: Path | None = None,
) -> None:
    """Compare PGD-10 (L-infinity, 8/255, step 2/255, random start) with that of other libraries, on ResNet-18.

    Args:
        cases: width of the network and size of the batch, in pairs.
        rounds: timed turns of each contender.
        compile: time our attack also on a compiled network.
        threads: of PyTorch; 1 is the steadiest on a machine that others use.
        weights: of the network whose accuracy under attack is measured (safetensors).
        images: npz file with uint8 `images` [N, 32, 32, 3] and their `labels`.
        json: file to write the numbers to.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    native = resolve("auto", torch.device("cpu")) == "bfloat16"
    precision: tuple[Format, ...] = ("float32", "bfloat16") if native else ("float32",)
    if not native:
        console.print("bfloat16 is skipped: this processor would only imitate it, slowly.")
    facts, results = circumstances(rounds), {}
    for width, batch in cases:
        net = ResNet(10, 3, width).eval()
        timings = speeds(ours(net, precision, (False, True)[: 1 + compile]) | theirs(net), batch, rounds)
        results[f"width {width}, batch {batch}"] = timings
        console.print(rates_table(f"PGD-10, width {width}, batch {batch}", timings, best_peers(timings), "images"))
    results["accuracy"] = compare_accuracies(weights, images, precision)
    console.print(say(facts))
    if json:
        write(json, facts, results)


def compare_accuracies(weights: Path, images: Path, precision: tuple[Format, ...]) -> dict[str, float] | None:
    """The accuracy that each attack leaves; None, with a line that says so, where there is nothing to measure it on."""
    missing = [str(file) for file in (weights, images) if not file.is_file()]
    if missing:
        console.print(f"Accuracy under attack is skipped: there is no {' and no '.join(missing)}.")
        return None
    net, (x, y) = trained(weights), pictures(images)
    attacks = ours(net, precision, (False,)) | {name: library(copy.deepcopy(net)) for name, library in PEERS.items()}
    found = {name: accuracy(net, attack, x, y, 100) for name, attack in attacks.items()}
    console.print(accuracy_table(found, len(y)))
    return found


if __name__ == "__main__":
    tyro.cli(main)
