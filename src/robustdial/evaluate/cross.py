r"""Attack and network at different lambdas: what a dial is worth against an adversary who knows of it.

A dial offers a defender something new: the network that answers need not be the network that was attacked. That some
attack fails then proves nothing. A randomised defence looks robust against gradients of the wrong network, and falls to
an adversary who climbs the expectation over the randomness; without that attack its number is obfuscation (Athalye,
Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018: expectation over transformation).

`cross` therefore lets every lambda, and their mixture, make an attack, and every lambda answer it. With right[a, j, n]
whether the network at lambda j is right about image n, clean and under the attack of adversary a:

    matrix      [a, j]  mean_n right[a, j, n]                 attack of a, network at j
    known       [j]     mean_n right[j, j, n]                 the adversary attacks the lambda that is served
    unknown     [j]     mean_n min_a right[a, j, n]           every attack is tried: images that survive them all at j
    any                 mean_n min_a min_j right[a, j, n]     any lambda may be served: images that survive everywhere
    expected    [a]     mean_n mean_j right[a, j, n]          a lambda is drawn for every request
    random              min_a expected[a]                     the honest number of a random lambda
    per_image           mean_n min_a mean_j right[a, j, n]    the same, with the best attack for each image

The mixture is the adversary who climbs the expectation over the dial (`OverLambdas`). All images are attacked, also
those that the network of the adversary has wrong: another one may have them right. An attack that stops where its own
network errs (Auto-PGD, AutoAttack) leaves them nearly as they are, and transfers worse; PGD goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.attack.base import Attack
from robustdial.data import Source
from robustdial.evaluate.accuracy import Accuracy, check_inside, image_batches, right
from robustdial.logits import check_in_evaluation
from robustdial.method.threat import Threat
from robustdial.randomness import seed_of, seeded


class OverLambdas(nn.Module):
    """The mixture of several networks: logits are the logarithm of their mean probabilities.

    Its cross-entropy is minus the log of the probability that a network drawn at random gives the right class, so an
    attack on it climbs the expectation over the draw, through every network at each step.

    Args:
        networks: images `[B, C, H, W]` to logits `[B, K]`.

    >>> sure, unsure = nn.Identity(), nn.Threshold(9, 0)
    >>> OverLambdas([sure, unsure])(torch.tensor([[4.0, 0.0]])).softmax(1)
    tensor([[0.7410, 0.2590]])
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.training = False

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]`; they are log-probabilities."""
        each = torch.stack([network(x.clone()).log_softmax(1) for network in self.networks])
        return each.logsumexp(0) - math.log(len(self.networks))


class Cross(NamedTuple):
    """Who survives whose attack. The last adversary is the mixture.

    >>> right = torch.tensor([[[1, 0], [1, 1]], [[1, 1], [1, 0]], [[1, 0], [1, 0]]]).bool()
    >>> cross = Cross(torch.ones(2, 2).bool(), right)
    >>> [accuracy.correct for accuracy in cross.known], [accuracy.correct for accuracy in cross.unknown]
    ([1, 1], [1, 1])
    >>> cross.expected, cross.random
    ([0.75, 0.75, 0.5], 0.5)
    """

    clean: Tensor
    """Right without an attack, bool `[J, N]`."""
    right: Tensor
    """Right clean and under attack, bool `[A, J, N]`; A is J + 1, the mixture last."""

    @property
    def matrix(self) -> list[list[Accuracy]]:
        """Robust accuracy of each network (columns) under the attack of each adversary (rows)."""
        return [[_accuracy(cell) for cell in row] for row in self.right]

    @property
    def known(self) -> list[Accuracy]:
        """Of each network under the attack on itself."""
        return [_accuracy(self.right[j, j]) for j in range(len(self.clean))]

    @property
    def unknown(self) -> list[Accuracy]:
        """Of each network, counting images that survive every attack."""
        return [_accuracy(cell) for cell in self.right.all(0)]

    @property
    def any(self) -> Accuracy:
        """Images that survive every attack at every network."""
        return _accuracy(self.right.all(0).all(0))

    @property
    def expected(self) -> list[float]:
        """Accuracy of a network drawn for every request, under the attack of each adversary."""
        return [float(share) for share in self.right.double().mean((1, 2))]

    @property
    def random(self) -> float:
        """Of a network drawn for every request, under the worst adversary."""
        return min(self.expected)

    @property
    def per_image(self) -> float:
        """Of a network drawn for every request, under the worst adversary of each image."""
        return float(self.right.double().mean(1).amin(0).mean())


def cross(
    networks: Sequence[nn.Module],
    source: Source,
    attack: Attack,
    threat: Threat,
    *,
    batch: int = 256,
    seed: int = 0,
    device: torch.device | str = "cpu",
    known: Sequence[Tensor] = (),
) -> Iterator[Tensor]:
    """Attack each network and then their mixture, and judge every network on the same images.

    Yields one bool `[J, N]` after the other: what each network has right clean, and then what it has right clean and
    under the attack of each adversary; `Cross(first, torch.stack(rest))`. Every adversary begins from the same random
    starts, set by `seed`. The first ones, as an earlier call gave them, may be handed in as `known`.

    Raises as `measure` does for networks in training mode, answers that are no logits or not finite, and an attack that
    leaves the set.
    """
    for network in networks:
        check_in_evaluation(network)
    clean = known[0] if known else torch.cat([_answers(networks, x, y) for x, y in image_batches(source, batch)], dim=1)
    yield from known or (clean,)
    for adversary in (*networks, OverLambdas(networks))[max(0, len(known) - 1) :]:
        parts = []
        for number, (x, y) in enumerate(image_batches(source, batch)):
            with seeded(seed_of(seed, number), device):
                adv = attack(adversary, x, y, threat)
            check_inside(threat, x, adv, attack)
            parts.append(_answers(networks, adv, y))
        yield clean & torch.cat(parts, dim=1)


def _answers(networks: Sequence[nn.Module], x: Tensor, y: Tensor) -> Tensor:
    return torch.stack([right(network, x, y) for network in networks]).cpu()


def _accuracy(standing: Tensor) -> Accuracy:
    return Accuracy(int(standing.sum()), len(standing))
