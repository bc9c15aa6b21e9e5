"""Networks of any origin as classifiers: which part of what they return is logits, and how they are asked for them."""

from __future__ import annotations

import inspect
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

Network = Callable[[Tensor], Any]
"""Images `[B, C, H, W]` in [0, 1] to whatever its author has thought of, logits among it."""

_OURS = Path(__file__).parent
_NOT_THEIRS = {_OURS, Path(torch.__file__).parent, Path(traceback.__file__).parent}


class LogitsOf(nn.Module):
    """A network that returns its logits among other things, as a network that returns them alone.

    Args:
        network: images to a tuple, a list, a dict or an object.
        output: which part of it the logits are: a number of a tuple or list, else a key or the name of an attribute.
            Where it returns a tensor alone, as some do when they are not trained, that is the logits.

    >>> pair = lambda x: (x.flatten(1)[:, :3], "features")
    >>> LogitsOf(pair, 0)(torch.zeros(2, 1, 2, 2)).shape
    torch.Size([2, 3])
    """

    def __init__(self, network: Network, output: str | int) -> None:
        super().__init__()
        self.training = isinstance(network, nn.Module) and _trains(network)
        self.network, self.output = network, output

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]`. Raises ValueError if there is no such part."""
        out = self.network(x)
        return out if isinstance(out, Tensor) else _picked(out, self.output)


class Guarded(nn.Module):
    """A network as everybody here asks it: on a copy of the images, for logits `[B, K]` in at least single precision.

    What it writes into its input changes nothing for whoever asks, and what it raises is told in one line. A guarded
    network has passed a door at which the images and labels were looked at.

    Args:
        network: images to logits.
        labels: how many classes the labels tell apart, if there are labels.

    >>> Guarded(lambda x: x.flatten(1).mul_(2))(torch.ones(1, 1, 1, 2))
    tensor([[2., 2.]])
    """

    def __init__(self, network: Network, labels: int = 0) -> None:
        super().__init__()
        self.training = isinstance(network, nn.Module) and _trains(network)
        self.network, self.labels, self.asked = network, labels, False

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K]`, float32 or the type of the images where that is wider.

        Raises:
            ValueError: the network fails, or gives something of another shape, or a label has no logit.
            TypeError: it returns no tensor, or whole numbers.
            FloatingPointError: its first answer is not finite.
        """
        try:
            out = self.network(x.clone())
        except (torch.OutOfMemoryError, MemoryError):
            raise
        except (Exception, SystemExit) as error:  # whatever the network of somebody else raises
            place = place_of(error)
            if place is None:
                raise
            why = f"{type(error).__name__}: {first_line(error)}"
            raise ValueError(
                f"The network fails on images {list(x.shape)}{place}: {why}. {_remedy(self.network, x, why)}"
            ) from error
        logits = checked_logits(logits_of(out), len(x))
        if logits.shape[1] < self.labels:
            raise ValueError(
                f"The images have labels up to {self.labels - 1}, and the network has {logits.shape[1]} logits, from 0 "
                "on. Give data of the classes that it was trained on."
            )
        if not self.asked:
            check_finite(logits)
            self.asked = True
        return logits.to(torch.promote_types(x.dtype, torch.float32))


def guarded(f: Network, labels: int = 0) -> Guarded:
    """`f`, guarded if it is not yet."""
    return f if isinstance(f, Guarded) else Guarded(f, labels)


def logits_of(out: object) -> Tensor:
    """What a network returned, if it is a tensor of floats; else raises TypeError with what it is and a remedy."""
    if not isinstance(out, Tensor):
        name = _likeliest(out)
        remedy = (
            f"Pick them: LogitsOf(network, {name!r}) where it is built, or evaluate --output {name}; or build it "
            "without auxiliary classifiers (torchvision: aux_logits=False)."
            if name is not None
            else "Let its forward return a tensor [images, classes], or wrap it in a module that does."
        )
        kind, parts = _told(out)
        raise TypeError(f"The network returns {kind}, not logits{f'; in it are {parts}' * bool(parts)}. {remedy}")
    if not out.is_floating_point():
        raise TypeError(f"The network gives {out.dtype} {list(out.shape)}, not logits. Return what its argmax is of.")
    return out


def single(logits: Tensor) -> Tensor:
    """Logits in at least single precision."""
    return logits.float() if logits.dtype.itemsize < 4 else logits


def check_finite(logits: Tensor) -> None:
    """Raises FloatingPointError for logits that are NaN or infinite."""
    odd = logits[~torch.isfinite(logits)]
    if len(odd) and bool(torch.isneginf(odd).all()):
        raise FloatingPointError("The network gives logits of -inf. Give classes that it rules out -1e4 instead.")
    if len(odd):
        raise FloatingPointError("The network gives logits that are not finite (NaN or infinity). Check its weights.")


def check_in_evaluation(f: Network) -> None:
    """Raises ValueError if a module's answers would depend on the batch, or its first one would draw its weights."""
    weights = f.named_parameters() if isinstance(f, nn.Module) else ()
    if lazy := [name for name, weight in weights if nn.parameter.is_lazy(weight)]:
        raise ValueError(
            f"The network has lazy layers without weights yet ({lazy[0]}). Give it images once, then load its weights."
        )
    if layers := in_training(f):
        kinds = ", ".join(sorted({type(layer).__name__ for layer in layers}))
        remedy = (
            "Call model.eval() first; where that was done, the network's own train() leaves these layers out."
            if not isinstance(f, torch.fx.GraphModule)
            else "Call model.eval() first; a program of torch.export has no modes: give lambda x: program(x)."
        )
        raise ValueError(f"The network is in training mode ({kinds}): its answers depend on the batch. {remedy}")


@contextmanager
def evaluation(*networks: nn.Module) -> Iterator[None]:
    """Inside, networks are in evaluation mode; afterwards each layer is in the one in which it was.

    Programs have no modes: one that was frozen has no flag for them, and the `eval` of one that was exported refuses.
    """
    layers = [layer for network in networks for layer in network.modules() if hasattr(layer, "training")]
    modes = [(layer, layer.training) for layer in layers]
    for layer in layers:
        layer.training = False
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training


@contextmanager
def none_in_training(f: Network) -> Iterator[None]:
    """Inside, a layer in training mode behind a function, where `check_in_evaluation` cannot see it, raises ValueError
    before it answers, if its answers would depend on the batch or on chance."""
    functions = f.modules() if isinstance(f, nn.Module) else ()
    hidden = any(isinstance(part, LogitsOf) and not isinstance(part.network, nn.Module) for part in functions)
    if isinstance(f, nn.Module) and not hidden:
        yield
        return
    here = threading.get_ident()

    def look(layer: nn.Module, given: object) -> None:
        name = type(layer).__name__
        unsteady = "drop" in name.lower() or hasattr(layer, "running_mean")
        if layer.training and unsteady and threading.get_ident() == here:
            raise ValueError(
                f"The network behind the function is in training mode ({name}): its answers depend on the batch. Call "
                "model.eval() first."
            )

    hook = register_module_forward_pre_hook(look)
    try:
        yield
    finally:
        hook.remove()


def in_training(f: Network) -> list[nn.Module]:
    """Its layers in training mode; a wrapper's own flag may be stale and does not count."""
    layers = f.modules() if isinstance(f, nn.Module) else ()
    return [layer for layer in layers if _trains(layer) and not any(layer.children())]


def _trains(layer: nn.Module) -> bool:
    """Whether a layer is in training mode; a frozen program has no modes."""
    return bool(getattr(layer, "training", False))


def first_line(error: BaseException) -> str:
    """What an error says, up to the end of its first line."""
    return str(error).strip().partition("\n")[0].partition(". Hint:")[0].rstrip(".! ")[:300] or "without a word"


def place_of(error: BaseException) -> str | None:
    """Where in somebody's own file an error was raised, ` (net.py:12)`; empty if nowhere, None if it is one of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    if frames and _OURS in Path(frames[-1].filename).parents:
        return None
    theirs = [f for f in frames if not _NOT_THEIRS & set(Path(f.filename).parents) and f.filename[:1] != "<"]
    return f" ({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else ""


def checked_logits(logits: Tensor, images: int) -> Tensor:
    """The logits `[B, K]` of so many images. Raises TypeError or ValueError if they are none."""
    shape = tuple(logits.shape)
    if logits.layout != torch.strided:
        raise TypeError(f"The network gives logits as a sparse tensor {list(shape)}. Return them as .to_dense().")
    if len(shape) != 2 or shape[0] != images:
        hint = " One score per image is two logits: torch.stack([-s, s], dim=1)." if shape == (images,) else ""
        hint = " Flatten them: logits.flatten(1)." if len(shape) > 2 and shape[0] == images else hint
        raise ValueError(f"The network gives {shape} for {images} images; logits must be [images, classes].{hint}")
    if shape[1] < 2:
        raise ValueError(
            f"The network gives {shape} for {images} images: one class cannot be told from others. Of a single logit "
            "make two: torch.cat([-z, z], dim=1)."
        )
    return logits


_SAID = {
    "call numpy()": "Its forward leaves PyTorch: detach() the images in it, and attack it by square.",
    "does not require grad": "Weights are frozen while it is measured: its forward must not ask for their gradient.",
    "out of memory": "Give it fewer images at once, with --batch.",
}
"""What to do, by a part of what a network's error says."""


def _remedy(network: Network, x: Tensor, why: str) -> str:
    """What to do about a network that fails, from what it says and can be seen of it."""
    if known := [remedy for said, remedy in _SAID.items() if said in why]:
        return known[0]
    if found := misfit(network, x):
        return found
    if not _takes_one(network):
        return "Its forward must do with the images alone, by their place: wrap it in a module that gives it the rest."
    return f"It must take images {list(x.shape[1:])}, in [0, 1], in batches of any size."


def misfit(network: Network, x: Tensor) -> str | None:
    """What to do about images that are of another kind than a network's weights; None if nothing is seen of that."""
    modules = list(network.modules()) if isinstance(network, nn.Module) else []
    kept = [w for m in modules for w in (*m.parameters(recurse=False), *m.buffers(recurse=False))]
    floating = [w for w in kept if w.is_floating_point()]
    weight = next((w for w in floating if w.dtype != x.dtype), floating[0] if floating else None)
    taken = next((m.in_channels for m in modules if isinstance(m, nn.Conv2d)), x.shape[1])
    if weight is not None and weight.dtype != x.dtype:
        what = "weights" if isinstance(weight, nn.Parameter) else "buffers"
        usual = all(w.dtype == torch.float32 for w in floating)
        remedy = "give x.float()" if usual else "build it with .float(), or convert the images in its forward"
        names = [str(kind).removeprefix("torch.") for kind in (weight.dtype, x.dtype)]
        return f"Its {what} are {names[0]}, the images {names[1]}: {remedy}."
    if weight is not None and weight.device != x.device:
        return f"Its weights are on {weight.device}, the images on {x.device}: move one to the other with .to()."
    if weight is not None and weight.is_inference():
        return "Its weights were made in inference mode, where there are no gradients: build it outside of it."
    if taken != x.shape[1]:
        return (
            f"Its first convolution takes {taken} channels, the images have {x.shape[1]}: give images that it was "
            f"built for, or let its forward make them, as x.expand(-1, {taken}, -1, -1) does of grey ones."
        )
    return None


def _takes_one(network: Network) -> bool:
    """Whether a network can be called with one argument, as far as that can be seen."""
    try:
        inspect.signature(getattr(network, "forward", network)).bind(None)
    except TypeError:
        return False
    except ValueError:  # nothing is told of what it takes
        return True
    return True


def _picked(out: Any, output: str | int) -> Tensor:
    parts, wanted = _parts(out), str(output)
    if wanted not in parts or not isinstance(parts[wanted], Tensor):
        kind, there = _told(out)
        raise ValueError(f"There is no output {wanted}: the network returns {kind}. In it are {there or 'no tensors'}.")
    found: Tensor = parts[wanted]
    return found


def _parts(out: Any) -> dict[str, Any]:
    """The parts of what a network returned, by the names that `LogitsOf` knows them by."""
    if isinstance(out, Tensor | str | bytes) or out is None:
        return {}
    numbered = {str(i): part for i, part in enumerate(out)} if isinstance(out, Sequence) else {}
    if isinstance(out, Mapping):
        numbered = {str(i): part for i, part in enumerate(out.values())}
        return numbered | {str(key): part for key, part in out.items()}
    names = [f.name for f in fields(out)] if is_dataclass(out) else list(getattr(out, "_fields", _attributes(out)))
    return numbered | {name: getattr(out, name) for name in names}


def _attributes(out: object) -> list[str]:
    """Names of the attributes of an object."""
    return [name for name in getattr(out, "__dict__", {}) if not name.startswith("_")]


def _likeliest(out: Any) -> str | int | None:
    """The part that is probably logits; None if there is no tensor."""
    tensors = {name: part for name, part in _parts(out).items() if isinstance(part, Tensor)}
    flat = [name for name, part in tensors.items() if part.dim() == 2] or list(tensors)
    spoken = [name for name in flat if not name.isdigit()]
    if not flat:
        return None
    name = next((name for name in ("logits", "out", "output") if name in flat), (spoken or flat)[0])
    return int(name) if name.isdigit() else name


def _told(out: Any) -> tuple[str, str]:
    """What was returned, in words: its kind, and the tensors in it with their shapes."""
    parts = _parts(out)
    spoken = {name: part for name, part in parts.items() if not name.isdigit()} or parts
    tensors = [f"{name} {list(part.shape)}" for name, part in spoken.items() if isinstance(part, Tensor)]
    name = type(out).__name__
    kind = "nothing (None)" if out is None else f"a{'n' * (name[0] in 'AEIOUaeiou')} {name}"
    return kind, ", ".join(tensors[:6])
