"""A device that is not the CPU, for machines that have no other: it computes, and tells who waits for it.

Its tensors say that they are on PyTorch's `meta` device and hold their values in a tensor of the CPU, where each
operation is done for real. So whatever decides by values, as attacks do, can be played there, and gives what it gives
on the CPU. As on an accelerator, an operation on tensors of two devices fails, but for single numbers, and whoever asks
for a value, for a shape that depends on values, or for a copy from the other device waits until the device is done.
"""

import sys
from collections import Counter
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

import robustdial

DEVICE, CPU = torch.device("meta"), torch.device("cpu")
PACKAGE = str(Path(robustdial.__file__).parent)
aten = torch.ops.aten
SEQUENCES = (tuple, list)

VALUES = {
    aten._linalg_eigh,
    aten._linalg_svd,
    aten._local_scalar_dense,
    aten._unique2,
    aten.bincount,
    aten.equal,
    aten.is_nonzero,
    aten.isin,
    aten.masked_select,
    aten.nonzero,
    aten.unique_consecutive,
    aten.unique_dim,
}
"""What CUDA answers only when it knows the values."""
PLACES = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_, aten._unsafe_index}


class There(torch.Tensor):
    """A tensor of that device, with its values in `here`."""

    is_meta = False  # those have no values

    @staticmethod
    def __new__(cls, here):
        layout = here.shape, here.stride(), here.storage_offset()
        made = torch.Tensor._make_wrapper_subclass(cls, *layout, dtype=here.dtype, device=DEVICE)
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} outside of Elsewhere()")


class Elsewhere(TorchDispatchMode):
    """Inside, `DEVICE` computes. `waits`: how often each file of the package has waited for it, by operation."""

    def __init__(self):
        super().__init__()
        self.waits, self._copies = Counter(), Copies()

    def __enter__(self):
        self._copies.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._copies.__exit__(*error)

    @property
    def files(self):
        """How often each file has waited."""
        files = Counter()
        for (file, _), number in self.waits.items():
            files[file] += number
        return dict(files)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, kind = kwargs or {}, func.overloadpacket
        place = kwargs.get("device") and torch.device(kwargs["device"])
        made_there = place is not None and place.type == DEVICE.type
        if not made_there and not any(isinstance(tensor, There) for tensor in tensors((args, kwargs))):
            return func(*args, **kwargs)
        if waits(kind, args, kwargs):
            self.waits[asking(), kind.__name__] += 1
        here_args, here = each((args, kwargs), There, lambda tensor: tensor.here)
        found = func(*here_args, **(here | {"device": CPU} if place else here))
        if place == CPU or (kind is aten.copy_ and not isinstance(args[0], There)):
            return found
        return return_and_correct_aliasing(func, args, kwargs, each(found, torch.Tensor, There))


class Copies(TorchFunctionMode):
    """What copies between devices below where a dispatch mode sees it is done in two steps."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.Tensor.tolist:
            return args[0].cpu().tolist()
        if func is torch.Tensor.new_tensor:
            return torch.tensor(args[1], dtype=args[0].dtype).to(args[0].device)
        if func in (torch.tensor, torch.as_tensor):
            place = kwargs.pop("device", None)
            made = func(*args, **kwargs)
            return made if place is None else made.to(place)
        return func(*args, **kwargs)


def each(values, kind, change):
    """A nest of values, with what is of a kind changed."""
    if isinstance(values, kind):
        return change(values)
    if isinstance(values, SEQUENCES):
        return type(values)([each(value, kind, change) for value in values])
    return {name: each(value, kind, change) for name, value in values.items()} if isinstance(values, dict) else values


def tensors(values):
    """The tensors in a nest of values, one after the other."""
    if isinstance(values, torch.Tensor):
        yield values
    elif isinstance(values, SEQUENCES):
        for value in values:
            yield from tensors(value)
    elif isinstance(values, dict):
        yield from tensors([*values.values()])


def waits(kind, args, kwargs):
    """Whether the host must wait for the device before it can go on. Raises RuntimeError where devices are mixed."""
    if kind in (aten._to_copy, aten.copy_):
        return copied(kind, args, kwargs)
    mixed_in = (args[0], *args[2:]) if kind in PLACES else (args, kwargs)  # places may be said on the CPU
    if len({isinstance(tensor, There) for tensor in tensors(mixed_in) if tensor.dim()}) > 1:
        raise RuntimeError(f"{kind} takes tensors of two devices")
    if kind in PLACES:
        # one number is written under a mask without counting; places from the CPU are copied
        several = len(args) < 3 or args[2].numel() != 1
        places = [place for place in args[1] if place is not None]
        return any(not isinstance(p, There) or (several and p.dtype in (torch.bool, torch.uint8)) for p in places)
    return kind in VALUES


def copied(kind, args, kwargs):
    """A copy to the CPU is waited for, and one from there unless it says that nobody needs to."""
    if kind is aten.copy_:
        to, source, free = isinstance(args[0], There), isinstance(args[1], There), args[2:3] == (True,)
    else:
        source = isinstance(args[0], There)
        to, free = kwargs.get("device", args[0].device).type == DEVICE.type, kwargs.get("non_blocking", False)
    return (source and not to) or (to and not source and not free)


def asking():
    """The file of the package that asks."""
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return Path(frame.f_code.co_filename).name if frame else "another"
