"""Trains in the accelerate loop of the examples, in one of several processes: `python joined.py FOLDER`."""

import runpy
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import nn

import robustdial as rd
from robustdial.distributed import world_at_hand

LOOP = Path(__file__).parents[2] / "examples" / "accelerate_loop.py"


def batches(rank=0, size=1):
    """The rows of one process, of six batches; double precision, so that no rounding decides on a sign."""
    x = torch.rand(6, 16, 1, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    y = torch.arange(16).expand(6, 16) % 10
    return [(images[rank::size], labels[rank::size]) for images, labels in zip(x, y, strict=True)]


def trained(loader, seed=0):
    """The network that the loop leaves, after random numbers of this seed."""
    method = rd.oat(eps=0.2, steps=2, lambdas=(0, 0.5, 1))
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10))
    model = rd.dial(nn.Sequential(*layers), method.dial, example=torch.rand(2, 1, 8, 8)).double()
    torch.manual_seed(seed)
    runpy.run_path(str(LOOP))["train"](Accelerator(cpu=True), model, loader, method, epochs=2)
    return model.state_dict()


if __name__ == "__main__":
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    world = world_at_hand()
    weights = trained(batches(world.rank, world.size), seed=world.rank)  # all go on from the numbers of the first
    save_file(weights, Path(sys.argv[1]) / f"joined-{world.rank}.safetensors")
    world.check_same("the text", "the same")
    try:
        world.check_same("the text", "other" * world.rank)
    except ValueError as error:
        Path(sys.argv[1], f"said-{world.rank}").write_text(str(error))
    dist.destroy_process_group()
