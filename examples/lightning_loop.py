"""Adversarial training of a dial by a PyTorch Lightning trainer, which keeps its loggers, callbacks and checkpoints.

    pip install 'robustdial[loops]' && python examples/lightning_loop.py

No download, half a minute. Optimization is manual: an update is the engine's, one or several for a batch.
"""

from __future__ import annotations

import lightning
import torch
import tyro
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import robustdial as rd
from robustdial.distributed import world_at_hand


class AdversarialTraining(lightning.LightningModule):
    """Any method of robustdial on any network with the method's dial."""

    def __init__(self, model: nn.Module, method: rd.Method, lr: float = 0.1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model, self.method, self.lr = model, method, lr
        self.schedule, self.memories, self.seen = method.schedule.init(), [], []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        passes, engine = self.method.schedule.passes(self.schedule), (self.optimizers(), self.memories)
        more = {"backward": self.manual_backward, "world": world_at_hand()}
        sums = rd.train_batch(self.model, rd.Batch(*batch), self.method, passes, *engine, **more)
        self.log("loss", sums["loss"] / sums["rows"], prog_bar=True)
        self.seen.append(sums)

    def on_train_epoch_end(self) -> None:
        """Schedules that look at an epoch decide about the next."""
        progress = (self.current_epoch + 1) / self.trainer.max_epochs
        means = rd.epoch_means(self.seen, world_at_hand()) | {"progress": progress}
        self.schedule, self.seen = self.method.schedule.after(self.schedule, means), []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return rd.optimizer_for(self.model, self.lr)


def main(epochs: int = 3, batch: int = 64) -> None:
    data, method = rd.load("digits"), rd.oat(eps=0.2, steps=2, lambdas=(0, 0.5, 1))
    lightning.seed_everything(0, verbose=False)
    plain = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    model = rd.dial(plain, method.dial)
    (x, y) = next(data.train.batches([torch.arange(len(data.train))]))
    loader = DataLoader(TensorDataset(x.float() / 255, y), batch, shuffle=True, drop_last=True)
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False)
    trainer.fit(AdversarialTraining(model, method), loader)
    for lam in (0.0, 1.0):
        clean, robust = rd.measure(model.eval().at(lam), data.test, rd.PGDAttack(5), rd.Linf(0.2))
        print(f"lambda {lam:g}: clean {clean.value:.3f}, robust {robust.value:.3f}")


if __name__ == "__main__":
    tyro.cli(main)
