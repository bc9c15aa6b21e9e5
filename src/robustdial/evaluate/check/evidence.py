"""What checks look at: quantities of a network on a few images, each taken once, when it is first asked for.

Together they cost at most some 140 passes over the images, and 21 over the other network where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustdial.attack import APGD, FGSM, Attack, Cascade, FromAnother, Square, check_supports, margin
from robustdial.attack.problem import NoGradient, answers, eval_mode, gradient_of, images, nothing
from robustdial.evaluate.check.facts import NOTHING_KNOWN, Facts
from robustdial.evaluate.confusion import counted
from robustdial.logits import Guarded, first_line, guarded
from robustdial.method.modes import buffers_restored
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import L2, Linf, Threat, settled
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.typing import Classifier

RUNS = 5
"""Times that the same images are given to the network."""
STEPS = 20
"""Gradient steps of the many-step attack."""
QUERIES = 50
"""Queries of the attack without gradients."""
DRAWS = 10
"""Random directions of noise."""
FEWEST = 10
"""Rightly classified images that attacks are compared on, at least."""
RANDOM = 1e-4
"""Difference between two runs, in units of the logits' range, from which on answers are random."""
OUTSIDE = 1e-4
"""How far pixels may lie outside [0, 1]: interpolation in float32 leaves as much."""
SHORTER = 0.25, 0.5, 0.75
"""Shares of the full step at which the way there is looked at."""


class Inapplicable(Exception):
    """The evidence lacks what is asked for. The message says what, and why."""


class LossGradient(NamedTuple):
    """The gradient of a loss."""

    gradient: Tensor
    """With respect to the images, shaped like them; zero where there is none."""
    trouble: str | None
    """Why there is none."""


@dataclass(frozen=True)
class Evidence:
    """A network, images to try it on, and what is known of its evaluation.

    The network is looked at in evaluation mode and left as it was, its buffers included, and so are the generators of
    random numbers. Attacks are compared on the rightly classified images, `correct`.

    Args:
        f: the network, or any function of images in [0, 1] to logits.
        x: 64 to 128 images `[B, C, H, W]` as they are measured, rightly and wrongly classified ones, on the network's
            device.
        y: their labels `[B]`.
        threat: where the adversary may move.
        facts: of the evaluation.
        another: a network for the same task, whose adversarial images are tried on `f`.
        seed: of all random numbers.
        counts: answers on more images than these, as `evaluate.confusion` counts them; by default those on these.

    Raises:
        ValueError: the images are not `[B, C, H, W]`, there are none, or not as many labels.
        TypeError: the images are not floats, or the labels not whole numbers.
    """

    f: Classifier
    x: Tensor
    y: Tensor
    threat: Threat
    facts: Facts = NOTHING_KNOWN
    another: Classifier | None = None
    seed: int = 0
    counts: Tensor | None = None

    def __post_init__(self) -> None:
        if self.x.dim() != 4 or not len(self.x) or self.y.shape != self.x.shape[:1]:
            raise ValueError(
                f"The images are {list(self.x.shape)}, the labels {list(self.y.shape)}. Give images [B, C, H, W], at "
                "least one, and as many labels [B]."
            )
        if not self.x.is_floating_point() or self.y.is_floating_point():
            raise TypeError(
                f"The images are {self.x.dtype}, the labels {self.y.dtype}. Give floats in [0, 1], and int64 labels."
            )

    @cached_property
    def network(self) -> Guarded:
        """`f`, as it is asked; the images were looked at by whoever made the evidence."""
        return guarded(self.f, int(self.y.max()) + 1)

    # --- answers ----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def answers(self, x: Tensor) -> Tensor:
        """Logits `[B, K]` of images, always from the same random numbers.

        Raises:
            ValueError: they are not `[B, K]`, or a label has none.
            FloatingPointError: they are not finite.
        """
        with self._quiet():
            return answers(self.network, x)

    @cached_property
    def runs(self) -> Tensor:
        """Logits `[RUNS, B, K]` of the same images, asked for again and again."""
        with torch.no_grad(), self._quiet():
            return torch.stack([answers(self.network, self.x) for _ in range(RUNS)])

    @property
    def logits(self) -> Tensor:
        """Logits `[B, K]` of the images."""
        return self.runs[0]

    @cached_property
    def scale(self) -> float:
        """Distance from the smallest to the largest logit of an image, on average: the unit for differences."""
        return max(float((self.logits.amax(1) - self.logits.amin(1)).mean()), 1e-12)

    @cached_property
    def output_variation(self) -> float:
        """Largest difference between the logits of an image in two runs, in units of `scale`."""
        return float((self.runs - self.logits).abs().max()) / self.scale

    @property
    def confusion(self) -> Tensor:
        """How often each class is answered as each, on two halves of the images, int64 `[2, K, K]` on the CPU."""
        return counted(self.y.cpu(), self.logits.cpu()) if self.counts is None else self.counts

    def accuracy(self, x: Tensor) -> float:
        """Share of right answers when the images are given as `x`."""
        return float((self.answers(x).argmax(1) == self.y).float().mean())

    # --- gradients --------------------------------------------------------------------------------------------------

    @cached_property
    def loss_gradient(self) -> LossGradient:
        """Of the cross-entropy, which most attacks climb, at the images."""
        return self.loss_gradient_at(self.x, cross_entropy)

    def loss_gradient_at(self, x: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> LossGradient:
        """Of a loss per row, at the images `x` with the same labels."""
        x, nothing = x.detach().clone().requires_grad_(), torch.zeros_like(x)
        try:
            with torch.enable_grad(), self._quiet():
                return LossGradient(gradient_of(loss(self.network(x), self.y).sum(), x), None)
        except NoGradient as error:
            return LossGradient(nothing, error.why)
        except ValueError as error:
            self.answers(x.detach())  # one that fails without a gradient, too, is another matter
            return LossGradient(nothing, first_line(error))

    # --- attacks ----------------------------------------------------------------------------------------------------

    @cached_property
    def correct(self) -> Evidence:
        """The same evidence on the rightly classified images alone.

        Raises:
            Inapplicable: these are too few, or not in [0, 1].
        """
        low, high = self.x.aminmax()
        if low < -OUTSIDE or high > 1 + OUTSIDE:
            raise Inapplicable("The images are not in [0, 1], where attacks move.")
        right = self.logits.argmax(1) == self.y
        if right.sum() < FEWEST:
            raise Inapplicable(
                f"Only {int(right.sum())} of {len(right)} images are classified rightly, too few to compare attacks."
            )
        return replace(self, x=self.x[right], y=self.y[right])

    @cached_property
    def multi_step(self) -> Tensor:
        """Which of `correct` stand after gradient steps on the cross-entropy, and as many on the margin, bool `[V]`.

        Of the two losses either may fail by itself on a sound network: the first where it saturates, the second where
        the runner-up is not the way.
        """
        both = APGD(steps=STEPS), APGD(margin, STEPS, title="apgd-margin")
        return self._under(Cascade(both, "many steps"), self.threat)

    @cached_property
    def large_radius(self) -> Tensor:
        """Which of `correct` stand after gradient steps in a set that holds the same grey image for all, bool `[V]`."""
        return self._under(APGD(steps=STEPS), _all_grey(self.threat, self.x))

    @cached_property
    def single_step(self) -> Tensor:
        """Which of `correct` stand after one step over the whole radius, bool `[V]`."""
        return self.along_step[-1]

    @cached_property
    def along_step(self) -> Tensor:
        """Which of `correct` stand along this step, at each of `SHORTER` and at its end, bool `[4, V]`."""
        self._check_gradient()
        gradient, sizes = self.correct.loss_gradient.gradient, torch.tensor((*SHORTER, 1.0)) * self.threat.radius
        return torch.stack([self._stepped(gradient, float(size)) for size in sizes])

    @cached_property
    def noise(self) -> Tensor:
        """Which of `correct` stand after steps over the whole radius in random directions, bool `[V]`."""
        x = self.correct.x
        with seeded(self.seed, x.device):
            directions = [torch.randn_like(x) for _ in range(DRAWS)]
        return torch.stack([self._stepped(direction, self.threat.radius) for direction in directions]).all(0)

    @cached_property
    def queries(self) -> Tensor:
        """Which of `correct` stand after many gradient steps and then an attack without gradients, bool `[V]`."""
        square = Square(queries=QUERIES)
        _check_moves(square, self.threat)
        stands = self.multi_step.clone()
        if stands.any():
            left = replace(self.correct, x=self.correct.x[stands], y=self.correct.y[stands])
            stands[stands.clone()] = left.stands(square, self.threat)
        return stands

    @cached_property
    def transferred(self) -> Tensor:
        """Which of `correct` stand when the other network is attacked, bool `[V]`."""
        if self.another is None:
            raise Inapplicable("No other network was given whose adversarial images could be tried.")
        with _as_found(self.another):
            return self.correct.stands(FromAnother(self.another, APGD(margin, STEPS)), self.threat)

    def stands(self, attack: Attack, threat: Threat) -> Tensor:
        """Which images are classified rightly under an attack, bool `[B]`."""
        _check_moves(attack, threat)
        with self._quiet():
            adv = attack(self.network, self.x, self.y, threat)
        return self._right(adv)

    def _right(self, adv: Tensor) -> Tensor:
        """Which changed images are classified rightly; one that a gradient of NaN has spoilt is as before."""
        return self.answers(adv.where(adv.isfinite(), self.x)).argmax(1) == self.y

    def _under(self, attack: Attack, threat: Threat) -> Tensor:
        self._check_gradient()
        return self.correct.stands(attack, threat)

    def _check_gradient(self) -> None:
        trouble = self.correct.loss_gradient.trouble
        if trouble is not None:
            raise Inapplicable(f"There is no gradient to climb: {trouble}.")

    def _stepped(self, direction: Tensor, size: float) -> Tensor:
        """Which of `correct` stand after one step."""
        _check_moves(FGSM(), self.threat)
        threat, x = settled(self.threat, self.correct.x), self.correct.x
        z = threat.project(threat.ascend(nothing(threat, x), direction, size), x, 1.0)
        return self.correct._right(images(threat, x, z))

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        with _as_found(self.f), eval_mode(self.f), full_precision(), seeded(self.seed, self.x.device):
            yield


def _as_found(f: Classifier) -> AbstractContextManager[None]:
    """Afterwards the buffers of a module are what they were."""
    return buffers_restored(f) if isinstance(f, nn.Module) else nullcontext()


def _check_moves(attack: Attack, threat: Threat) -> None:
    """Raises Inapplicable if an attack of the checks cannot move in the threat."""
    try:
        check_supports(attack, threat)
    except ValueError as error:
        raise Inapplicable(str(error)) from None


def _all_grey(threat: Threat, x: Tensor) -> Threat:
    """The smallest set of a kind that holds a grey image of 0.5 around every image."""
    match threat:
        case Linf():
            return Linf(max(threat.eps, 0.5))
        case L2():
            return L2(max(threat.eps, 0.5 * math.sqrt(math.prod(x.shape[1:]))))
    raise Inapplicable(f"No radius is known at which every image of {threat.name} can be made grey.")
