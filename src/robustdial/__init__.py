"""robustdial: train once, dial at test time.

A training method is five nouns: where the adversary may move (threat), how it moves (solver), how much it may spend
this epoch (schedule), what each side wants (objective), and which dial the model exposes (dial). One engine plays any
combination; a published method is one function that puts five nouns together.
"""

from robustdial.checkpoint import restore, save
from robustdial.data import Data, from_tensors, load
from robustdial.dial import Dialed, Dials, Fixed, dial
from robustdial.evaluate import Accuracy, PGDAttack, clean_accuracy, frontier, measure
from robustdial.method import Method
from robustdial.models import build
from robustdial.objective import AT, Blend
from robustdial.precision import Prepared
from robustdial.recipes import oat, pgd_at
from robustdial.run import open_model
from robustdial.schedule import Constant
from robustdial.solver import PGD, Step
from robustdial.threat import L2, Linf
from robustdial.train import TrainState, fit, optimizer_for, steps, train_batch
from robustdial.typing import px

__all__ = [
    "AT",
    "L2",
    "PGD",
    "Accuracy",
    "Blend",
    "Constant",
    "Data",
    "Dialed",
    "Dials",
    "Fixed",
    "Linf",
    "Method",
    "PGDAttack",
    "Prepared",
    "Step",
    "TrainState",
    "build",
    "clean_accuracy",
    "dial",
    "fit",
    "from_tensors",
    "frontier",
    "load",
    "measure",
    "oat",
    "open_model",
    "optimizer_for",
    "pgd_at",
    "px",
    "restore",
    "save",
    "steps",
    "train_batch",
]
