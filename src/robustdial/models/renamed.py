"""Weights by the names of a network, where a wrapper that they were saved in has changed them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

_MEANS, _STDS = ("mean", "mu"), ("std", "sigma")


def renamed(
    weights: Mapping[str, Tensor], wanted: Mapping[str, Any], buffers: Collection[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """The weights that a network wants, by its own names; and the names of those that it does not want.

    Args:
        weights: as they were saved.
        wanted: the state of the network.
        buffers: names of what does not learn; a mean and a deviation among them are its normalisation, which it keeps
            where the weights have none.

    >>> import torch
    >>> at, zero = torch.tensor([0.5]), torch.zeros(1)
    >>> net = {"normalize.mean": zero, "normalize.std": zero, "net.a": zero, "net.b": zero}
    >>> renamed({"module.0.mu": at, "module.0.sigma": at, "module.1.a": at, "module.1.b": at}, net, list(net)[:2])[1]
    []
    """
    own = _normalisation(buffers)
    before, within = _difference(weights, wanted, _common(set(wanted) - {*own}))
    targets = {name: within + name.removeprefix(before) for name in weights if name.startswith(before)}
    found = {target: weights[name] for name, target in targets.items() if target in wanted}
    others = [name for name in weights if targets.get(name) not in wanted]
    if own and not found.keys() & {*own}:
        alike = wanted[own[0]]
        theirs = [name for name in _normalisation(others) if weights[name].numel() == alike.numel()]
        brought = [weights[name].reshape(alike.shape) for name in theirs]
        found |= dict(zip(own, brought if len(brought) == len(own) else [wanted[name] for name in own], strict=True))
        others = [name for name in others if name not in theirs]
    return found, others


def _difference(names: Iterable[str], wanted: Collection[str], body: str) -> tuple[str, str]:
    """What stands before the names that are wanted, and what is to stand there: whatever makes most of them known."""
    known = Counter(
        (before, within)
        for name in names
        for before in _beginnings(name)
        for within in {"", body}
        if within + name.removeprefix(before) in wanted
    )
    return max(known, key=lambda pair: (known[pair], -len(pair[0]), pair), default=("", ""))


def _beginnings(name: str) -> Iterator[str]:
    """
    >>> list(_beginnings("module.1.weight"))
    ['', 'module.', 'module.1.']
    """
    yield ""
    yield from (name[: at + 1] for at, letter in enumerate(name) if letter == ".")


def _common(names: Collection[str]) -> str:
    """
    >>> _common(["net.0.weight", "net.1.weight"]), _common(["a.weight", "b.weight"])
    ('net.', '')
    """
    shared = set.intersection(*({*_beginnings(name)} for name in names)) if names else {""}
    return max(shared, key=len)


def _normalisation(names: Collection[str]) -> tuple[str, ...]:
    """Names of the one mean and the one deviation among those; none if there is not exactly one pair.

    >>> _normalisation(["0.mean", "0.std", "1.running_mean"]), _normalisation(["a.mean", "b.mean", "b.std"])
    (('0.mean', '0.std'), ())
    """
    means, stds = ([n for n in names if n.rpartition(".")[2] in words] for words in (_MEANS, _STDS))
    alone = len(means) == len(stds) == 1 and means[0].rpartition(".")[0] == stds[0].rpartition(".")[0]
    return (means[0], stds[0]) if alone else ()
