"""One forward and one backward pass of a network from elsewhere, before the work begins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustdial.attack import Attack, Cascade
from robustdial.attack.base import without_gradients
from robustdial.attack.problem import NoGradient, Problem, check_numbers, eval_mode
from robustdial.data import Source, unit
from robustdial.logits import check_in_evaluation, guarded
from robustdial.method.objective.base import cross_entropy
from robustdial.method.threat import Linf

_FEW = 3  # a number of images that no network is built for, and then one, as it is left over


def try_out(model: nn.Module, source: Source, batch: int) -> None:
    """Ask a network about some images, in evaluation mode.

    Raises:
        ValueError: it stays in training mode, fails, is built for batches of one size, or its logits do not fit the
            labels.
        TypeError: it returns something else than logits.
        FloatingPointError: they are not finite.
    """
    check_in_evaluation(model)
    x, _ = _some(source, _FEW)
    f = guarded(model, int(source.labels.max()) + 1)
    with torch.no_grad():
        try:
            f(x)
        except ValueError as error:
            if batch > _FEW and _runs(model, source, batch):
                raise ValueError(_one_size(batch, len(x))) from error
            raise
        try:
            f(x[:1])
        except ValueError as error:
            raise ValueError(f"{error} It takes {len(x)} images together: one alone must do, too.") from error


def check_gradient(model: nn.Module, source: Source, attack: Attack) -> None:
    """Raises ValueError if an attack climbs a gradient and the network has none."""
    climbing = [p.name for p in _parts(attack) if not without_gradients(p)]
    x, y = _some(source, _FEW)
    if not climbing:
        return
    problem = Problem(guarded(model), Linf(0.0), cross_entropy, x, (y,))
    try:
        with eval_mode(model):
            check_numbers(problem.look(torch.zeros_like(x)).gradient)
    except NoGradient as error:
        raise ValueError(f"{', '.join(climbing)}: {error}") from error


def _parts(attack: Attack) -> tuple[Attack, ...]:
    return attack.attacks if isinstance(attack, Cascade) else (attack,)


def _some(source: Source, number: int) -> tuple[Tensor, Tensor]:
    """So many images; fewer are given again and again."""
    x, y = next(source.batches([torch.arange(number) % len(source)]))
    return unit(x), y


def _runs(model: nn.Module, source: Source, batch: int) -> bool:
    try:
        guarded(model, int(source.labels.max()) + 1)(_some(source, batch)[0])
    except (ValueError, TypeError, FloatingPointError):
        return False
    return True


def _one_size(batch: int, few: int) -> str:
    return (
        f"The network takes batches of {batch} images and fails on {few}. It must take any number: what it counts in "
        "its forward should be x.shape[0], or -1."
    )
