"""Adversarial training of a dial in a Hugging Face accelerate loop, on one process or several.

    pip install 'robustdial[loops]' && python examples/accelerate_loop.py
    torchrun --nproc-per-node 2 examples/accelerate_loop.py            # or: accelerate launch ...

No download, half a minute. The network itself is not prepared: the adversary climbs it as it is, and the engine
averages gradients once for each update. So all processes must build it alike, from one seed.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import tyro
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import robustdial as rd
from robustdial.distributed import world_at_hand


def train(
    accelerator: Accelerator,
    model: nn.Module,
    loader: Iterable[tuple[Tensor, Tensor]],
    method: rd.Method,
    epochs: int,
    lr: float = 0.1,
) -> None:
    """Train `model`, which is on the accelerator's device, on prepared batches."""
    optimizer, world = accelerator.prepare(rd.optimizer_for(model, lr)), world_at_hand()
    more = {"backward": accelerator.backward, "world": world}
    schedule, memories = method.schedule.init(), []
    for epoch in range(epochs):
        passes, seen = method.schedule.passes(schedule), []
        for x, y in loader:
            seen.append(rd.train_batch(model.train(), rd.Batch(x, y), method, passes, optimizer, memories, **more))
        means = rd.epoch_means(seen, world)
        schedule = method.schedule.after(schedule, means | {"progress": (epoch + 1) / epochs})
        accelerator.print(f"epoch {epoch + 1}: loss {means['loss']:.3f}")


def main(epochs: int = 3, batch: int = 64, cpu: bool = False) -> None:
    accelerator = Accelerator(cpu=cpu)
    data, method = rd.load("digits"), rd.oat(eps=0.2, steps=2, lambdas=(0, 0.5, 1))
    torch.manual_seed(0)
    plain = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    model = rd.dial(plain, method.dial).to(accelerator.device)
    x, y = next(data.train.batches([torch.arange(len(data.train))]))
    share = batch // accelerator.num_processes
    loader = DataLoader(TensorDataset(x.float() / 255, y), share, shuffle=True, drop_last=True)
    train(accelerator, model, accelerator.prepare(loader), method, epochs)
    if accelerator.is_main_process:
        for lam in (0.0, 1.0):
            clean, robust = rd.measure(model.eval().at(lam), data.test, rd.PGDAttack(5), rd.Linf(0.2))
            print(f"lambda {lam:g}: clean {clean.value:.3f}, robust {robust.value:.3f}")
    accelerator.end_training()


if __name__ == "__main__":
    tyro.cli(main)
