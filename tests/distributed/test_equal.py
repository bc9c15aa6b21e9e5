"""Two processes leave the network that one would have left."""

import functools
import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.fsdp import FSDPModule

spec = importlib.util.spec_from_file_location("worker", Path(__file__).with_name("worker.py"))
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)

EQUAL = ["oat", "oats", "free", "trades", "fat", "AWP, EMA", "rst", "atta", "one zero", "extra, mixed"]
EQUAL += ["growing", "e-at", "liet", "one victim/divided"]
LOCAL = ["one zero/local", "one victim/local"]
SLOW = sorted({*worker.RECIPES, *worker.SPECIAL} - {*EQUAL, "accumulated"})
SLOW += [
    "oat/sharded",
    "one victim/none",
    "free/sharded",
    "trades/sharded",
    "clipped adamw/sharded",
    "one zero/sharded",
    *(f"{case}/divided" for case in sorted(worker.RECIPES) if case != "gradalign"),
    "clipped adamw/divided",
    "oat/none",
    "fat/none",
    "accumulated/none",
    "one zero/none",
]
COSTLIER = ("liet", "liet/divided")  # every process forwards the grey images of the classes
STOPPED = ["AWP, EMA", "atta", "extra, mixed"]
DIVIDES = hasattr(FSDPModule, "set_reshard_after_forward")


def possible(case):
    return DIVIDES or not case.endswith(("/divided", "/sharded"))


def shown(cases):
    """Cases as parameters; those that this PyTorch is too old for are skipped."""
    too_old = pytest.mark.skip("this PyTorch cannot divide weights")
    return [case if possible(case) else pytest.param(case, marks=too_old) for case in cases]


def trained_by_two(in_two, folder, cases):
    """What each of two processes has in the end, by case."""
    cases = [*filter(possible, cases)]
    in_two("worker.py", folder, *cases)
    ends = (
        path for number in range(len(cases)) for path in [[folder / f"{number}-{rank}.safetensors" for rank in (0, 1)]]
    )
    return {
        case: [load_file(path) for path in paths] for case, paths in zip(cases, ends, strict=True) if paths[0].exists()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def alone():
    """`alone(case)` is what one process has in the end."""
    return functools.cache(worker.trained)


@pytest.fixture(scope="module")
def of_two(in_two, folder):
    worker.stopped("oat", folder / "one.safetensors")
    cases = [*(f"{case}:stopped" for case in STOPPED), "oat:resumed", *EQUAL, *LOCAL]
    return trained_by_two(in_two, folder, cases)


@pytest.fixture(scope="module")
def of_two_slowly(in_two, tmp_path_factory):
    return trained_by_two(in_two, tmp_path_factory.mktemp("two"), SLOW)


def check(alone, first, second):
    assert alone.keys() == first.keys() == second.keys()
    for name, value in alone.items():
        # statistics are sums in single precision; nothing is decided by their last digits
        tolerance = 1e-5 if name == "epochs" else 1e-9
        torch.testing.assert_close(
            first[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, name=name: f"{name}: {m}"
        )
        torch.testing.assert_close(second[name], first[name], rtol=0, atol=0)


def apart_from_epochs(end):
    return {name: value for name, value in end.items() if name != "epochs"}


@pytest.mark.parametrize("case", shown(EQUAL))
def test_two_processes_leave_what_one_leaves(case, of_two, alone):
    ends = (alone(case), *of_two[case])
    check(*(map(apart_from_epochs, ends) if case in COSTLIER else ends))


@pytest.mark.slow
@pytest.mark.parametrize("case", shown(SLOW))
def test_so_they_do_of_all_others(case, of_two_slowly):
    ends = (worker.trained(case), *of_two_slowly[case])
    check(*(map(apart_from_epochs, ends) if case in COSTLIER else ends))


@pytest.mark.parametrize("case", LOCAL)
def test_with_statistics_of_their_own_rows_they_still_keep_one_network(case, of_two):
    first, second = of_two[case]
    for name, value in first.items():
        assert torch.isfinite(value).all()
        torch.testing.assert_close(second[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("number", range(len(STOPPED)))
def test_what_two_have_begun_one_goes_on_with(number, of_two, folder):
    case = STOPPED[number]
    gone_on = worker.trained(case, path=folder / f"{number}-stopped.safetensors")
    both, whole = of_two[case]
    check(*map(apart_from_epochs, (gone_on, both, whole)))
    # of the epoch in which it was stopped nothing is lost or counted twice
    torch.testing.assert_close(gone_on["epochs"][-1], both["epochs"][-1], rtol=1e-5, atol=1e-5)


def test_what_one_has_begun_two_go_on_with(of_two, alone):
    whole = alone("oat")
    first, second = of_two["oat:resumed"]
    check(whole | {"epochs": whole["epochs"][-1:]}, *(end | {"epochs": end["epochs"][-1:]} for end in (first, second)))
