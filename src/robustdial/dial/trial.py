"""Trying a network on some images: plainly, and with a lambda for each row."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from robustdial.dial.checks import LINE, copied
from robustdial.dial.kinds import NORMS
from robustdial.dial.model import Dialed
from robustdial.dial.probe import Failure, buffers_kept, run, where
from robustdial.logits import first_line, logits_of, place_of
from robustdial.randomness import seeded


def check_copy(model: nn.Module, body: nn.Module, example: Tensor) -> None:
    """`check_example(body, example)`; raises ValueError as well if `body`, a copy of `model`, is not the same network.

    It is not where a hook writes into the original.
    """
    with buffers_kept(model), seeded(0, example.device):
        try:
            wanted = run(model, example)
        except Failure:  # of the copy it is said in words
            check_example(body, example)
            return
    with buffers_kept(body), seeded(0, example.device):
        try:
            found = run(body, example)
        except Failure as failure:
            raise ValueError(_another(model, failure.why)) from failure.__cause__
    if isinstance(wanted, Tensor) and isinstance(found, Tensor) and not _close(found, wanted):
        raise ValueError(_another(model, "it answers differently"))
    logits_of(found)


def _another(model: nn.Module, why: str) -> str:
    return (
        f"A copy of this {type(model).__name__} is not the same network ({why}): something in it belongs to the "
        "original still, as what a hook or a function keeps of self. Keep in layers what they compute, and let hooks "
        "use the module that they are given."
    )


def _close(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-3, atol=1e-5, equal_nan=True)


def check_example(model: nn.Module, example: Tensor) -> None:
    """Raises ValueError if the network does not run on the images, TypeError if it does not return logits."""
    try:
        logits_of(run(model, example))
    except Failure as failure:
        place = where(failure.name, model.get_submodule(failure.name))
        raise ValueError(
            f"The network does not run on the example {list(example.shape)}: {place} fails ({failure.why}). Give "
            "dial() images that it is built for, or build it for these."
        ) from failure.__cause__


def without_rows(body: nn.Module, example: Tensor, asked: Callable[[nn.Module], bool]) -> set[nn.Module]:
    """The layers among those asked about that are given something else than the rows of a batch, first."""
    found: set[nn.Module] = set()
    for rows in (2, 3):  # what sees another dimension than the rows may have as many of it once, but not twice

        def look(layer: nn.Module, given: tuple[Tensor, ...], rows: int = rows) -> None:
            if given and given[0].shape[0] != rows:
                found.add(layer)

        hooks = [module.register_forward_pre_hook(look) for module in body.modules() if asked(module)]
        try:
            run(body, example[:1].expand(rows, *example.shape[1:]).clone())
        except Failure:  # it takes no batch of so many; what that means for the dial is said where it is tried
            continue
        finally:
            for hook in hooks:
                hook.remove()
    return found


def check_hidden(dialed: Dialed, example: Tensor) -> None:
    """Raises ValueError if a norm answers that is not among the layers of the network."""
    known, called = set(dialed.modules()), set[nn.Module]()
    hook = register_module_forward_hook(lambda layer, given, out: called.add(layer))  # of every module there is
    try:
        _check_rows(dialed, example[:1])
    finally:
        hook.remove()
    hidden = next((layer for layer in called - known if isinstance(layer, NORMS)), None)
    if hidden is not None:
        raise ValueError(
            f"A {type(hidden).__name__} is called that is no layer of the network, so it follows no dial. Keep it as "
            "an attribute of a module, or in nn.ModuleList."
        )


def check_training(dialed: Dialed, example: Tensor) -> None:
    """Raises TypeError if the network returns no logits while it is trained, ValueError if it fails then."""
    trial = copied(dialed)
    trial.train()
    (setting, *_) = trial.settings(torch.zeros(len(example), dtype=torch.int64))
    with seeded(0, example.device), torch.no_grad():
        try:
            trial(example.clone(), setting)  # a network may write into its input
        except Exception as error:  # whatever the network of somebody else raises
            place = place_of(error)
            if place is None:
                raise
            if "more than 1 value per channel" in str(error):  # the plain network fails as well on so few images
                return
            why = f"{place}: {type(error).__name__}: {first_line(error)}"
            raise ValueError(
                f"In training mode the network fails on the example {list(example.shape)}{why}. Its forward must take "
                "images alone, in training too."
            ) from error


def check_rows(dialed: Dialed, example: Tensor) -> None:
    """Raises ValueError that names a layer in which the rows of a batch cannot have a lambda each."""
    for rows in (2, 3):  # what sees another dimension than the rows may have as many of it once, but not twice
        _check_rows(dialed, example[:1].expand(rows, *example.shape[1:]).clone())


def _check_rows(dialed: Dialed, images: Tensor) -> None:
    for setting in dialed.settings(torch.zeros(len(images), dtype=torch.int64)):
        dialed.dial.turn(setting)
        try:
            run(dialed.body, images)
        except Failure as failure:
            raise ValueError(
                f"This network cannot follow the dial in layer {failure.name!r} ({failure.why}). "
                f"Leave it, or the layers in it, out with sites=... {LINE}"
            ) from failure.__cause__
        finally:
            dialed.dial.turn(None)
