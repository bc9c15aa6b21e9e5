"""Robust soft label adversarial distillation (RSLAD)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import RSLAD
from robustdial.recipes.norms import Norm
from robustdial.recipes.trades import trades
from robustdial.typing import px


@checked
def rslad(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 10,
    step: float = 0.25,
    share: float = 5 / 6,
    mode: Literal["eval", "train"] = "eval",
) -> Method:
    r"""Robust soft label adversarial distillation (RSLAD): a small network follows a large robust one, and no label.

        min_w  E  share max_{|z| <= eps} KL(q(x) || p(x + z)) + (1 - share) KL(q(x) || p(x))

    q are the answers of a robust teacher (`--teacher`) to the clean image. Of a run with a dial it is the clean end
    that is asked, which is not robust: give a run without one, or a network of your own.

    Paper: Zi et al., Revisiting Adversarial Robustness Distillation: Robust Soft Labels Make Student Better, ICCV 2021.

    Cost: steps + 2 passes per image; the teacher's answers are not counted.

    Departures from the authors' code: uniform instead of normal noise to start from, of the same size; the divergence
    is a sum over classes (theirs a mean, a tenth of it for ten classes).

    Their results are not quoted: their tables were not at hand, and their repository has none.

    Args:
        share: weight of the adversarial term.
        others: as in `trades`.
    """
    return replace(trades(eps, norm, steps, step, mode=mode), objective=RSLAD(share))
