"""What the dial has made of weights, kept from one call of a served network to the next while these stand still."""

from __future__ import annotations

import operator

import torch
from torch import Tensor, nn

from robustdial.dial.modulated import Modulated
from robustdial.dial.norm import DialNorm
from robustdial.dial.setting import Maps


def following(body: nn.Module) -> list[nn.Module]:
    """The layers of a network that have a scale and a shift from the dial."""
    return [layer for layer in body.modules() if isinstance(layer, DialNorm | Modulated)]


class Kept:
    """The maps of one position, for as long as what they were made of is the same, number by number.

    That is compared at every call, so it does not matter who has changed it, or how: an optimizer, `load_state_dict`,
    `weight.data`, another layer in the place of one. What is no tensor, such as the `eps` of a norm, is taken to stay.
    On an accelerator nothing is kept, since the host would wait for the answer.
    """

    def __init__(self) -> None:
        self._last: tuple[_Places, _Values] | None = None

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()  # a copy of a network has weights of its own

    def maps(self, body: nn.Module, position: tuple[Tensor, ...]) -> Maps:
        """The maps of the layers of `body`, to be read and filled, at a position that is told in these tensors.

        Empty, for no layer, where somebody may ask for a gradient of the weights, or where they cannot be compared.
        """
        places, values = self._last or (None, None)
        if places is None or not places.hold():
            places, values = _Places(body), None
        tensors = [*places.tensors(), *position]
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            return {}
        with torch.no_grad():
            if values is None or not values.hold(tensors):
                if not _comparable(tensors):
                    return {}
                values = _Values(tensors, {layer: {} for layer in places.layers})
                self._last = places, values
        return values.maps


class _Places:
    """Where the weights are that a network's maps are made of."""

    def __init__(self, body: nn.Module) -> None:
        self.layers = following(body)
        made_of = [layer.film if isinstance(layer, Modulated) else layer for layer in self.layers]
        modules = [module for part in made_of for module in part.modules()]
        self.parents = [*self.layers, *(module for module in modules if any(module.children()))]
        self.children = [list(module.children()) for module in self.parents]
        self.owners, self.names = [], []
        for module in modules:
            for name, _ in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
                if name != "num_batches_tracked":  # which decides nothing
                    self.owners.append(module)
                    self.names.append(name)

    def hold(self) -> bool:
        """Whether no layer has taken the place of another."""
        return [list(module.children()) for module in self.parents] == self.children

    def tensors(self) -> list[Tensor]:
        """What stands there now."""
        return list(map(getattr, self.owners, self.names))


class _Values:
    """What stood in some tensors, and the maps that were made of it."""

    def __init__(self, tensors: list[Tensor], maps: Maps) -> None:
        self.tensors, self.maps = tensors, maps
        self.places = [tensor.data_ptr() for tensor in tensors]
        self.views = [tensor.detach().view(-1) for tensor in tensors]
        self.before = torch.cat(self.views)

    def hold(self, tensors: list[Tensor]) -> bool:
        """Whether these are the same tensors, in the same place, with the same numbers."""
        return (
            all(map(operator.is_, tensors, self.tensors))
            and [tensor.data_ptr() for tensor in tensors] == self.places
            and torch.equal(torch.cat(self.views), self.before)
        )


def _comparable(tensors: list[Tensor]) -> bool:
    """Whether all lie in memory of the CPU, one after the other, in one format."""
    try:
        kinds = {(type(t) in (Tensor, nn.Parameter), t.is_cpu, t.is_contiguous(), t.data_ptr() != 0) for t in tensors}
    except RuntimeError:  # inside a transform of torch.func there is no memory to look at
        return False
    return kinds == {(True, True, True, True)} and len({tensor.dtype for tensor in tensors}) == 1
