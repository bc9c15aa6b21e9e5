"""One step of the weights, from the gradients that all processes have gathered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from robustdial.distributed import World


@dataclass(frozen=True)
class Update:
    """Average the gradients over processes, shorten them if they are too long, step.

    Args:
        model: whose weights learn.
        optimizer: over them.
        world: the processes that have gathered gradients.
        clip: largest Euclidean length of all gradients together; 0 for any.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    world: World
    clip: float = 0.0

    def __call__(self) -> None:
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        if all(weight.grad is None for weight in weights):
            raise ValueError("The loss reaches no weight of the optimizer. Let forward= call the network that learns.")
        means = self.world.average_gradients([weight.grad for weight in weights], weights)
        for weight, mean in zip(weights, means, strict=True):
            weight.grad = mean
        if self.clip:
            nn.utils.clip_grad_norm_(weights, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.world.settle(self.model)
