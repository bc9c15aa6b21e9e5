"""Weak scaling: images per second of one process and of two, each with as many images; and what averaging costs.

    python benchmarks/scaling.py [--model resnet18 --model-width 16 --images 32 --updates 15] [--out FILE.json]

Both sides of every comparison alternate in one run, and medians are told: by the clock, and per second that each
process had its processor, which other programs on the machine do not disturb. An update of this library averages
gradients when the backward pass is over; `DistributedDataParallel` sends them while it goes on. What that is worth is
measured on one plain forward and backward, where the wire weighs most: an adversary's steps send nothing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from robustdial.data import Batch
from robustdial.dial import dial
from robustdial.distributed import ALONE, Several, Shard, started_together, synchronised
from robustdial.models import build
from robustdial.recipes import recipe
from robustdial.training import optimizer_for, train_batch
from robustdial.training.update import Update


def network(arguments):
    torch.manual_seed(0)
    stats = {"mean": [0.5] * 3, "std": [0.25] * 3}
    return build(arguments.model, classes=10, shape=(3, 32, 32), width=arguments.model_width, **stats)


def adversarial(arguments, world, norms):
    """An update of `oat` with three steps."""
    method = recipe("oat")(steps=3)
    model = dial(network(arguments), method.dial).train()
    world = world.with_norms(norms)
    if norms == "synchronised" and world.size > 1:
        synchronised(model, world)
    optimizer, n = optimizer_for(model, 0.01), arguments.images
    x, y = torch.rand(n, 3, 32, 32), torch.arange(n) % 10
    batch = Batch(x, y, shard=Shard(n * world.size, world.rank, world.size))
    return lambda: train_batch(model, batch, method, 4, optimizer, [], world=world)


def plain(arguments, world, how):
    """An update from one forward and backward."""
    model = network(arguments).train()
    optimizer = optimizer_for(model, 0.01)
    x, y = torch.rand(arguments.images, 3, 32, 32), torch.arange(arguments.images) % 10
    if how == "DistributedDataParallel":
        parallel = nn.parallel.DistributedDataParallel(model)

        def step():
            F.cross_entropy(parallel(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step
    update = Update(model, optimizer, world)

    def step():
        F.cross_entropy(model(x), y).backward()
        update()

    return step


def medians(steps, updates):
    """Median seconds of each, and of them those of the processor, by turns, after one turn that is not counted."""
    seconds = {name: [] for name in steps}
    for turn in range(updates + 1):
        for name, step in steps.items():
            clock, work = time.perf_counter(), time.process_time()
            step()
            if turn:
                seconds[name].append((time.perf_counter() - clock, time.process_time() - work))
    return {name: [statistics.median(times) for times in zip(*found, strict=True)] for name, found in seconds.items()}


def measure(arguments):
    torch.set_num_threads(1)
    met = started_together()
    if met is not None:
        met.gather()
    world = ALONE if met is None else Several(met)
    steps = {f"oat, {norms} norms": adversarial(arguments, world, norms) for norms in ("local", "synchronised")}
    steps["plain, this library"] = plain(arguments, world, "this library")
    if world.size > 1:
        steps["plain, DistributedDataParallel"] = plain(arguments, world, "DistributedDataParallel")
    found = medians(steps, arguments.updates)
    if met is not None:
        met.part()
    images = arguments.images * world.size
    return {
        name: {"by the clock": images / clock, "of processor": images / work} for name, (clock, work) in found.items()
    }


def started(arguments, size, port):
    """Images per second, as the first of so many processes tells it."""
    words = {"WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    environment = os.environ | {name: str(value) for name, value in words.items()}
    command = [sys.executable, __file__, "--worker", *sys.argv[1:]]
    pipes = [
        subprocess.Popen(command, env=environment | {"RANK": str(rank)}, stdout=subprocess.PIPE) for rank in range(size)
    ]
    first, *_ = [pipe.communicate()[0] for pipe in pipes]
    return json.loads(first)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--model-width", type=int, default=16)
    parser.add_argument("--images", type=int, default=32, help="of each process")
    parser.add_argument("--updates", type=int, default=15)
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments)))
        return
    one, two = (started(arguments, size, arguments.port + size) for size in (1, 2))
    about = {"model": arguments.model, "width": arguments.model_width, "images per process": arguments.images}
    table = about | {"images per second": {"one process": one, "two processes": two}, "load": os.getloadavg()[0]}
    print(json.dumps(table, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
