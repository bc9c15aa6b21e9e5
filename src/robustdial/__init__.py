"""robustdial: train once, dial at test time.

A training method is five nouns: where the adversary may move (threat), how it moves (solver), how much it may spend
this epoch (schedule), what each side wants (objective), and which dial the model exposes (dial). One engine plays any
combination; a published method is one function that puts five nouns together.
"""

from robustdial.attack import APGD, APGDTargeted, PGDAttack, margin
from robustdial.checkpoint import restore, save
from robustdial.data import Data, from_tensors, load
from robustdial.dial import Dialed, Dials, Fixed, Proportional, dial, inventory, recalibrated, reestimated
from robustdial.evaluate import (
    Accuracy,
    Cross,
    OverLambdas,
    Position,
    clean_accuracy,
    cost,
    cross,
    frontier,
    latencies,
    measure,
)
from robustdial.health import Signals, Trouble, diagnose, look
from robustdial.hub import from_pretrained
from robustdial.learner import AWP
from robustdial.method import Method
from robustdial.models import build
from robustdial.objective import ALP, AT, MART, TRADES, Blend, GradAlign, Smoothed
from robustdial.precision import Prepared
from robustdial.recipes import (
    amata,
    atta,
    clean,
    deat_d,
    deat_p,
    fat,
    fat_mart,
    fat_trades,
    fgsm,
    fgsm_rs,
    free,
    gradalign,
    m_deat,
    m_mart,
    m_oat,
    m_pgd,
    m_trades,
    mart,
    oat,
    oats,
    pgd_at,
    radial,
    trades,
    yopo,
)
from robustdial.run import open_model
from robustdial.schedule import Constant, Delayed, Linear, Magnitude, Rebound, Threshold, Warm
from robustdial.solver import PGD, YOPO, Carried, Friendly, Replay, Step, Transferred
from robustdial.threat import L2, Box, Linf, spatial
from robustdial.train import TrainState, averaged, fit, optimizer_for, steps, train_batch
from robustdial.typing import px

__all__ = [
    "ALP",
    "APGD",
    "AT",
    "AWP",
    "L2",
    "MART",
    "PGD",
    "TRADES",
    "YOPO",
    "APGDTargeted",
    "Accuracy",
    "Blend",
    "Box",
    "Carried",
    "Constant",
    "Cross",
    "Data",
    "Delayed",
    "Dialed",
    "Dials",
    "Fixed",
    "Friendly",
    "GradAlign",
    "Linear",
    "Linf",
    "Magnitude",
    "Method",
    "OverLambdas",
    "PGDAttack",
    "Position",
    "Prepared",
    "Proportional",
    "Rebound",
    "Replay",
    "Signals",
    "Smoothed",
    "Step",
    "Threshold",
    "TrainState",
    "Transferred",
    "Trouble",
    "Warm",
    "amata",
    "atta",
    "averaged",
    "build",
    "clean",
    "clean_accuracy",
    "cost",
    "cross",
    "deat_d",
    "deat_p",
    "diagnose",
    "dial",
    "fat",
    "fat_mart",
    "fat_trades",
    "fgsm",
    "fgsm_rs",
    "fit",
    "free",
    "from_pretrained",
    "from_tensors",
    "frontier",
    "gradalign",
    "inventory",
    "latencies",
    "load",
    "look",
    "m_deat",
    "m_mart",
    "m_oat",
    "m_pgd",
    "m_trades",
    "margin",
    "mart",
    "measure",
    "oat",
    "oats",
    "open_model",
    "optimizer_for",
    "pgd_at",
    "px",
    "radial",
    "recalibrated",
    "reestimated",
    "restore",
    "save",
    "spatial",
    "steps",
    "trades",
    "train_batch",
    "yopo",
]
