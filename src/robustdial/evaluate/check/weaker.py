"""Attacks that know less, or do less, than many gradient steps: these must be the strongest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from robustdial.evaluate.check.base import Outcome, raised_if
from robustdial.evaluate.check.evidence import DRAWS, QUERIES, Evidence


@dataclass(frozen=True)
class Weaker:
    """A weaker attack may not find what many steps miss.

    Source: Athalye, Carlini & Wagner, Obfuscated Gradients Give a False Sense of Security, ICML 2018.

    Args:
        id, title, meaning, remedy: as of every check.
        attack: the weaker one, in words.
        standing: which of `correct` stand after it, bool `[V]`.
        share: of the images that it may fell of those that many steps left; 2 images may fall anyway.
    """

    id: str
    title: str
    meaning: str
    remedy: str
    attack: str
    standing: Callable[[Evidence], Tensor]
    share: float = 0.05  # a single run of many steps may miss an image or two

    def __call__(self, evidence: Evidence) -> Outcome:
        weaker, many = self.standing(evidence), evidence.multi_step
        missed = int((many & ~weaker).sum())
        left = f"{int(many.sum())} of {len(many)} images standing"
        seen = f"Many steps leave {left}; {self.attack} breaks {missed} of these."
        return raised_if(missed >= max(3, self.share * len(many)), seen)


ONE_STEP = Weaker(
    "one-step",
    "One step beats many",
    "One step breaks images that many short steps leave standing. The many steps are misled, so their robust accuracy "
    "is too high.",
    "Attack with more restarts, other losses and without gradients; look for the layer that masks the gradient.",
    "one step over the whole radius",
    lambda evidence: evidence.single_step,
)

NOISE = Weaker(
    "noise",
    "Noise beats gradients",
    "Random changes of the same size fell images that gradient steps leave standing. The gradient does not point to "
    "where the network errs.",
    "Attack without gradients (Square) or through a smooth substitute (BPDA), and look for the layer that masks the "
    "gradient.",
    f"noise in {DRAWS} random directions",
    lambda evidence: evidence.noise,
)

BLACK_BOX = Weaker(
    "black-box",
    "Black box beats white box",
    "A random search of few queries breaks images that gradient steps leave standing, though it knows less. The "
    "gradient is masked.",
    "Report an attack without gradients (Square with 5,000 queries, as in AutoAttack), and look for what masks the "
    "gradient.",
    f"a search of {QUERIES} queries (Square)",
    lambda evidence: evidence.queries,
)

TRANSFER = Weaker(
    "transfer",
    "Transfer beats white box",
    "Adversarial images that were made for another network fell images that gradient steps on this one leave "
    "standing. The gradient is masked.",
    "Count attacks transferred from similar networks in the robust accuracy, and look for what masks the gradient.",
    "an attack on the other network",
    lambda evidence: evidence.transferred,
)
