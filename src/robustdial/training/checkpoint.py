"""A training state as tensors and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.checks import checked
from robustdial.distributed import divided_as, whole
from robustdial.training.engine import Recovery, TrainState
from robustdial.training.means import over_all
from robustdial.typing import Json

Tensors = dict[str, Tensor]


@checked
def save(state: TrainState, path: str | Path) -> None:
    """Write a training state to `path` (safetensors), atomically. With `restore` and the same data, training goes on as
    if it had never stopped. Of several processes all must call it, and the first one writes."""
    tensors, about = pack(state)
    state.world.once(lambda: record.write_tensors(Path(path), tensors, about))


@checked
def restore(state: TrainState, path: str | Path) -> None:
    """Read what `save` wrote into a freshly built `state`. Raises ValueError if it is of another model, or damaged."""
    unpack(state, *record.read_tensors(Path(path)))


def pack(state: TrainState) -> tuple[Tensors, dict[str, Json]]:
    """The whole state: weights, optimizer, memories and random numbers as tensors, the rest as JSON."""
    optimizer = state.optimizer.state_dict()
    tensors = _weights("model.", state.model)
    if state.average is not None:
        tensors |= _weights("average.", state.average)
    numbers: dict[str, Json] = {}
    for index, slots in optimizer["state"].items():
        for name, value in slots.items():
            place = f"optimizer.{index}.{name}"
            if isinstance(value, Tensor):
                tensors[place] = whole(value)
            else:
                numbers[place] = value
    groups: list[dict[str, Json]] = []
    for index, group in enumerate(optimizer["param_groups"]):
        kept = {name: value for name, value in group.items() if isinstance(value, Tensor)}
        tensors |= {f"group.{index}.{name}": value for name, value in kept.items()}
        groups.append({name: value for name, value in group.items() if name not in kept})
    for index, memory in enumerate(state.memories):
        tensors |= {f"memory.{index}.{name}": value for name, value in memory.items()}
    tensors |= _random_state(state.device)
    about = {
        "epoch": state.epoch,
        "batch": state.batch,
        "seed": state.seed,
        "schedule": state.schedule,
        "recovery": list(state.recovery),
        "memories": len(state.memories),
        "sums": {name: float(value) for name, value in over_all(state.world, state.sums).items()},
        "optimizer": {"groups": groups, "numbers": numbers},
    }
    return tensors, about


def check_state(model: nn.Module) -> None:
    """Raises ValueError if some of the state of a network is no tensor."""
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f"State {name!r} of the network is {type(value).__name__}, and a file that is safe to open holds "
                "tensors only. Let its get_extra_state() give a tensor."
            )


def _weights(prefix: str, model: nn.Module) -> Tensors:
    """The state of a network by name."""
    check_state(model)
    return {f"{prefix}{name}": whole(value) for name, value in model.state_dict().items()}


def unpack(state: TrainState, tensors: Mapping[str, Tensor], about: Mapping[str, Json]) -> None:
    """Put a packed state back into `state`, which was built for the same run. Raises ValueError if it was not."""
    load_weights(state.model, tensors)
    try:
        _unpack_progress(state, tensors, about)
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"The checkpoint does not hold a whole training state like this one ({type(error).__name__}: {error}). "
            "Make the state as it was when it was saved, with the same optimizer and average; of a run folder restore "
            "last.safetensors."
        ) from None


def _unpack_progress(state: TrainState, tensors: Mapping[str, Tensor], about: Mapping[str, Json]) -> None:
    slots: dict[int, dict[str, Json]] = {}
    for name, value in {**_under(tensors, "optimizer."), **_under(about["optimizer"]["numbers"], "optimizer.")}.items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = value
    groups = [group | _under(tensors, f"group.{index}.") for index, group in enumerate(about["optimizer"]["groups"])]
    slots = _divided(state.optimizer, slots)
    state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
    _lay_out(state.optimizer, slots)
    state.memories[:] = [
        {name: value.to(state.device) for name, value in _under(tensors, f"memory.{index}.").items()}
        for index in range(about["memories"])
    ]
    if state.average is not None:
        average = _under(tensors, "average.")
        if wrong := record.misfits(average, state.average.state_dict()):
            raise KeyError(f"average.{wrong[0]}")
        _load(state.average, average)
    state.epoch, state.batch, state.schedule = about["epoch"], about["batch"], about["schedule"]
    state.recovery = Recovery(*about.get("recovery", ()))
    as_sum = partial(torch.tensor, dtype=torch.float64, device=state.device)
    first = state.world.rank == 0  # what all have seen is counted once; time passes for each
    state.sums = {name: as_sum(value if first or name == "seconds" else 0.0) for name, value in about["sums"].items()}
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and state.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], state.device)


def _divided(optimizer: torch.optim.Optimizer, saved: Mapping[int, Mapping[str, Json]]) -> dict[int, dict[str, Json]]:
    """The optimizer's tensors, divided as their weights are."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return {
        index: {
            name: divided_as(value, weights[index])
            if isinstance(value, Tensor) and value.shape == weights[index].shape
            else value
            for name, value in kept.items()
        }
        for index, kept in saved.items()
    }


def _lay_out(optimizer: torch.optim.Optimizer, saved: Mapping[int, Mapping[str, Json]]) -> None:
    """Give the optimizer's tensors the memory layout of their weights, and the type that they were saved with."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, kept in saved.items():
        slots, weight = optimizer.state[weights[index]], weights[index]
        for name, value in kept.items():
            if not isinstance(value, Tensor):
                continue
            if value.shape == weight.shape:
                slots[name] = torch.empty_like(weight, dtype=value.dtype, requires_grad=False).copy_(value)
            elif slots[name].dtype != value.dtype:
                slots[name] = value.to(slots[name].device)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load the network of a checkpoint into `model`. Raises ValueError if they do not fit."""
    found, wanted = _under(tensors, "model."), model.state_dict()
    wrong = [name for name in record.misfits(found, wanted) if name != record.DESCRIBED]
    if wrong:
        raise ValueError(
            f"The checkpoint is of another model: {len(wrong)} of {len(wanted)} tensors differ, first {wrong[0]!r}. "
            "Use the run folder it was trained in, with its run.json."
        )
    _load(model, found)


def _load(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    like = model.state_dict()
    model.load_state_dict(
        {name: divided_as(value, like[name]) if name in like else value for name, value in tensors.items()}
    )


def _random_state(device: torch.device) -> Tensors:
    state = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random.cuda"] = torch.cuda.get_rng_state(device)
    return state


def _under(items: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    return {name.removeprefix(prefix): value for name, value in items.items() if name.startswith(prefix)}
