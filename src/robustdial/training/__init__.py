"""The engine: a method on batches of images, epoch by epoch; its state on disk, and whether it is healthy.

May import `method`, `data`, `dial` and what is below them. In: a model, data and a method. Out: an iterator of steps or
epochs, which the caller logs, saves, evaluates or breaks off.
"""

from robustdial.training.batch import train_batch
from robustdial.training.checkpoint import restore, save
from robustdial.training.engine import Recovery, TrainState, averaged, fit, steps
from robustdial.training.health import Signals, Trouble, diagnose, look
from robustdial.training.means import epoch_means
from robustdial.training.optimizer import optimizer_for
from robustdial.training.rate import Rate, triangle

__all__ = [
    "Rate",
    "Recovery",
    "Signals",
    "TrainState",
    "Trouble",
    "averaged",
    "diagnose",
    "epoch_means",
    "fit",
    "look",
    "optimizer_for",
    "restore",
    "save",
    "steps",
    "train_batch",
    "triangle",
]
