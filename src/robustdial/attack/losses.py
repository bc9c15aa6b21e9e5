"""What an attack raises besides the cross-entropy: logits and labels to a loss per row, positive where it has won."""

from __future__ import annotations

import torch
from torch import Tensor

from robustdial.logits import single

_TINY = 1e-12  # logits that are all the same have loss zero, not NaN


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """How far the best wrong class is ahead of the right one, per row `[B]`; positive where the answer is wrong.

    Source: Carlini & Wagner, Towards Evaluating the Robustness of Neural Networks, S&P 2017, f_6 without its bound.

    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([-1.])
    """
    right = y[:, None]
    return single(logits).scatter(1, right, -torch.inf).amax(1) - single(logits).gather(1, right).squeeze(1)


def lead(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """How far the classes `target` `[B]` are ahead of the right ones, per row `[B]`.

    >>> lead(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]), torch.tensor([1]))
    tensor([-2.])
    """
    values = single(logits)
    return (values.gather(1, target[:, None]) - values.gather(1, y[:, None])).squeeze(1)


def dlr(logits: Tensor, y: Tensor) -> Tensor:
    r"""Difference of logits ratio per row `[B]`: the margin, in units in which the scale of the logits is gone.

        (max_{i != y} z_i - z_y) / (z_(1) - z_(3)),    z_(k) the k-th largest logit

    Source: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free
    Attacks, ICML 2020.

    Raises:
        ValueError: fewer than 3 classes, where it is not defined.

    >>> dlr(torch.tensor([[5.0, 1.0, 4.0]]), torch.tensor([0]))
    tensor([-0.2500])
    """
    top = _largest(logits, 3, "DLR")
    return margin(logits, y) / (top[:, 0] - top[:, 2] + _TINY)


def dlr_targeted(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    r"""Difference of logits ratio towards the classes `target` `[B]`, per row `[B]`.

        (z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2),    z_(k) the k-th largest logit

    Source: as `dlr`.

    Raises:
        ValueError: fewer than 4 classes, where it is not defined.

    >>> dlr_targeted(torch.tensor([[5.0, 1.0, 4.0, 3.0]]), torch.tensor([0]), torch.tensor([3]))
    tensor([-0.6667])
    """
    top = _largest(logits, 4, "targeted DLR")
    return lead(logits, y, target) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + _TINY)


def _largest(logits: Tensor, k: int, loss: str) -> Tensor:
    if logits.shape[1] < k:
        raise ValueError(
            f"The {loss} loss needs at least {k} classes and the network has {logits.shape[1]}. "
            "Attack it on the cross-entropy (apgd-ce) or on the margin (cw-K) instead."
        )
    return single(logits).topk(k).values
