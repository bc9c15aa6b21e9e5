"""Once-for-all adversarial training with slimmable widths."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.recipes.norms import Norm
from robustdial.recipes.oat import oat
from robustdial.typing import px


@checked
def oats(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    widths: tuple[float, ...] = (0.5, 0.75, 1.0),
) -> Method:
    r"""OATS: once-for-all adversarial training in accuracy, robustness and width.

        min_w  E_lambda  mean_a  (1 - lambda) CE(f_a(x, lambda), y) + lambda CE(f_a(x + z_a, lambda), y)

    f_a is the network of the leading share a of all channels; z_a is the adversary of that width. Each width has a
    clean and a robust batch norm and a FiLM output layer of its own; everything else is shared. One draw of lambda
    serves all widths, which learn in one step.

    Paper: Wang et al., Once-for-All Adversarial Training: In-Situ Tradeoff between Robustness and Accuracy for Free,
    NeurIPS 2020.

    Cost: steps + 2 passes per image, lambda > 0 and width, 1 with lambda = 0; a pass at half the width costs about a
    quarter.

    Departures from the authors' code: there is none that trains it. Their layers are reproduced; the draw of lambda and
    the order of the widths, which the paper leaves open, are as above. FiLM as in `oat`.

    Their results are not quoted: their tables were not at hand.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch.
        lambdas: trained positions of the dial; every value between them can be served too.
        widths: trained shares of the channels.
    """
    return oat(eps, norm, steps, lambdas, widths=widths)
