"""robustdial: train once, dial at test time.

A training method is five nouns: where the adversary may move (threat), how it moves (solver), how much it may spend
this epoch (schedule), what each side wants (objective), and which dial the model exposes (dial). One engine plays any
combination; a published method is one function that puts five nouns together.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

# what type checkers read; at run time a name is fetched from its room when it is first asked for, so that
# `robustdial --help` need not wait for torch
if TYPE_CHECKING:
    __version__: str

    from robustdial.attack import APGD, APGDTargeted, PGDAttack, SparsePGD, SparseRS, margin
    from robustdial.data import Batch, Data, Relabelled, from_dataset, from_tensors, load, without_labels
    from robustdial.data.pseudo import pseudo_labelled
    from robustdial.dial import (
        Dialed,
        Dials,
        Fixed,
        Interpolated,
        Line,
        Mixed,
        Nuts,
        Proportional,
        dial,
        interpolated,
        inventory,
        mixed,
        recalibrated,
        reestimated,
    )
    from robustdial.evaluate import (
        Accuracy,
        Cross,
        OverLambdas,
        Position,
        clean_accuracy,
        cost,
        cross,
        fit_nuts,
        frontier,
        latencies,
        measure,
        measure_each,
    )
    from robustdial.generator import StyleGenerator, fit_generator, open_generator
    from robustdial.logits import LogitsOf
    from robustdial.method import Method
    from robustdial.method.learner import AWP
    from robustdial.method.objective import (
        ALP,
        AT,
        MART,
        RSLAD,
        TRADES,
        Abnormal,
        Blend,
        Consistent,
        Distilled,
        GradAlign,
        Guided,
        Helped,
        LocalLinearity,
        Matched,
        Nuclear,
        SelfTraining,
        Smoothed,
        Steady,
        Targeted,
    )
    from robustdial.method.schedule import Constant, Delayed, Linear, Magnitude, Rebound, Threshold, Warm
    from robustdial.method.solver import (
        PGD,
        YOPO,
        Carried,
        Corner,
        EachBall,
        Friendly,
        Generated,
        Indicative,
        Noisy,
        OneBall,
        Prior,
        Replay,
        Started,
        Step,
        Transferred,
        WorstBall,
        WorstOf,
        ZeroGrad,
    )
    from robustdial.method.threat import L0, L1, L2, Box, Latent, Linf, Masked, Union, spatial
    from robustdial.models import build
    from robustdial.precision import Prepared

    # from their files: mypy takes `robustdial.recipes.oat` for the file, not for the function
    from robustdial.recipes.aaer import n_aaer, rs_aaer
    from robustdial.recipes.agat import agat, agat_corruptions, agat_oat, random_attributes
    from robustdial.recipes.amata import amata
    from robustdial.recipes.atta import atta
    from robustdial.recipes.clean import clean
    from robustdial.recipes.deat import deat_d, deat_p, m_deat, m_mart, m_nfgsm, m_pgd, m_trades
    from robustdial.recipes.elle import elle
    from robustdial.recipes.fat import fat, fat_mart, fat_trades
    from robustdial.recipes.fgsm import fgsm, fgsm_rs
    from robustdial.recipes.fgsm_pgi import fgsm_pgi
    from robustdial.recipes.free import free
    from robustdial.recipes.gat import gat, gat_oat
    from robustdial.recipes.gradalign import gradalign
    from robustdial.recipes.guided_at import guided_at
    from robustdial.recipes.hat import hat
    from robustdial.recipes.liet import liet
    from robustdial.recipes.localized import localized, localized_oat
    from robustdial.recipes.m_oat import m_oat
    from robustdial.recipes.mart import mart
    from robustdial.recipes.n_fgsm import n_fgsm
    from robustdial.recipes.nuat import nuat
    from robustdial.recipes.oat import oat
    from robustdial.recipes.oats import oats
    from robustdial.recipes.pgd_at import pgd_at
    from robustdial.recipes.radial import radial, radial_nfgsm, radial_trades
    from robustdial.recipes.rslad import rslad
    from robustdial.recipes.self_training import rst, rst_oat, rst_spatial, rst_trades, spatial_at
    from robustdial.recipes.several_norms import avg_at, e_at, max_at
    from robustdial.recipes.trades import trades
    from robustdial.recipes.yopo import yopo
    from robustdial.recipes.zerograd import zerograd
    from robustdial.report import plot_frontier, report
    from robustdial.run import open_model
    from robustdial.run.writing import writing
    from robustdial.ship.hub import from_pretrained, push_to_hub, save_pretrained
    from robustdial.training import TrainState, averaged, epoch_means, fit, optimizer_for, steps, train_batch
    from robustdial.training.checkpoint import restore, save
    from robustdial.training.health import Signals, Trouble, diagnose, look
    from robustdial.typing import px

_NAMES_OF = {
    "attack": "APGD APGDTargeted PGDAttack SparsePGD SparseRS margin",
    "data": "Batch Data Relabelled from_dataset from_tensors load without_labels",
    "data.pseudo": "pseudo_labelled",
    "dial": """
        Dialed Dials Fixed Interpolated Line Mixed Nuts Proportional dial interpolated inventory mixed
        recalibrated reestimated
    """,
    "evaluate": """
        Accuracy Cross OverLambdas Position clean_accuracy cost cross fit_nuts frontier latencies measure measure_each
    """,
    "generator": "StyleGenerator fit_generator open_generator",
    "logits": "LogitsOf",
    "method": "Method",
    "method.learner": "AWP",
    "method.objective": """
        ALP AT RSLAD Abnormal Blend Consistent Distilled GradAlign Guided Helped LocalLinearity MART Matched
        Nuclear SelfTraining Smoothed Steady TRADES Targeted
    """,
    "method.schedule": "Constant Delayed Linear Magnitude Rebound Threshold Warm",
    "method.solver": """
        Carried Corner EachBall Friendly Generated Indicative Noisy OneBall PGD Prior Replay Started Step Transferred
        WorstBall WorstOf YOPO ZeroGrad
    """,
    "method.threat": "Box L0 L1 L2 Latent Linf Masked Union spatial",
    "models": "build",
    "precision": "Prepared",
    "recipes": """
        agat agat_corruptions agat_oat amata atta avg_at clean deat_d deat_p e_at elle fat fat_mart fat_trades fgsm
        fgsm_pgi fgsm_rs free gat gat_oat gradalign guided_at hat liet localized localized_oat m_deat m_mart m_nfgsm
        m_oat m_pgd m_trades mart max_at n_aaer n_fgsm nuat oat oats pgd_at radial radial_nfgsm radial_trades
        random_attributes rs_aaer rslad rst rst_oat rst_spatial rst_trades spatial_at trades yopo zerograd
    """,
    "report": "plot_frontier report",
    "run": "open_model",
    "run.writing": "writing",
    "ship.hub": "from_pretrained push_to_hub save_pretrained",
    "training": "TrainState averaged epoch_means fit optimizer_for steps train_batch",
    "training.checkpoint": "restore save",
    "training.health": "Signals Trouble diagnose look",
    "typing": "px",
}
_ROOM_OF = {name: room for room, names in _NAMES_OF.items() for name in names.split()}


class _House(ModuleType):
    """The package, whose public names are fetched when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            value: Any = import_module("importlib.metadata").version("robustdial")
        elif name in _ROOM_OF:
            value = getattr(import_module(f"robustdial.{_ROOM_OF[name]}"), name)
        else:
            raise AttributeError(f"module 'robustdial' has no attribute {name!r}")
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # importing a room binds it to the package by its name: `dial` is the function all the same
        if not (name in _ROOM_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *_ROOM_OF})


sys.modules[__name__].__class__ = _House


__all__ = [
    "ALP",
    "APGD",
    "AT",
    "AWP",
    "L0",
    "L1",
    "L2",
    "MART",
    "PGD",
    "RSLAD",
    "TRADES",
    "YOPO",
    "APGDTargeted",
    "Abnormal",
    "Accuracy",
    "Batch",
    "Blend",
    "Box",
    "Carried",
    "Consistent",
    "Constant",
    "Corner",
    "Cross",
    "Data",
    "Delayed",
    "Dialed",
    "Dials",
    "Distilled",
    "EachBall",
    "Fixed",
    "Friendly",
    "Generated",
    "GradAlign",
    "Guided",
    "Helped",
    "Indicative",
    "Interpolated",
    "Latent",
    "Line",
    "Linear",
    "Linf",
    "LocalLinearity",
    "LogitsOf",
    "Magnitude",
    "Masked",
    "Matched",
    "Method",
    "Mixed",
    "Noisy",
    "Nuclear",
    "Nuts",
    "OneBall",
    "OverLambdas",
    "PGDAttack",
    "Position",
    "Prepared",
    "Prior",
    "Proportional",
    "Rebound",
    "Relabelled",
    "Replay",
    "SelfTraining",
    "Signals",
    "Smoothed",
    "SparsePGD",
    "SparseRS",
    "Started",
    "Steady",
    "Step",
    "StyleGenerator",
    "Targeted",
    "Threshold",
    "TrainState",
    "Transferred",
    "Trouble",
    "Union",
    "Warm",
    "WorstBall",
    "WorstOf",
    "ZeroGrad",
    "agat",
    "agat_corruptions",
    "agat_oat",
    "amata",
    "atta",
    "averaged",
    "avg_at",
    "build",
    "clean",
    "clean_accuracy",
    "cost",
    "cross",
    "deat_d",
    "deat_p",
    "diagnose",
    "dial",
    "e_at",
    "elle",
    "epoch_means",
    "fat",
    "fat_mart",
    "fat_trades",
    "fgsm",
    "fgsm_pgi",
    "fgsm_rs",
    "fit",
    "fit_generator",
    "fit_nuts",
    "free",
    "from_dataset",
    "from_pretrained",
    "from_tensors",
    "frontier",
    "gat",
    "gat_oat",
    "gradalign",
    "guided_at",
    "hat",
    "interpolated",
    "inventory",
    "latencies",
    "liet",
    "load",
    "localized",
    "localized_oat",
    "look",
    "m_deat",
    "m_mart",
    "m_nfgsm",
    "m_oat",
    "m_pgd",
    "m_trades",
    "margin",
    "mart",
    "max_at",
    "measure",
    "measure_each",
    "mixed",
    "n_aaer",
    "n_fgsm",
    "nuat",
    "oat",
    "oats",
    "open_generator",
    "open_model",
    "optimizer_for",
    "pgd_at",
    "plot_frontier",
    "pseudo_labelled",
    "push_to_hub",
    "px",
    "radial",
    "radial_nfgsm",
    "radial_trades",
    "random_attributes",
    "recalibrated",
    "reestimated",
    "report",
    "restore",
    "rs_aaer",
    "rslad",
    "rst",
    "rst_oat",
    "rst_spatial",
    "rst_trades",
    "save",
    "save_pretrained",
    "spatial",
    "spatial_at",
    "steps",
    "trades",
    "train_batch",
    "without_labels",
    "writing",
    "yopo",
    "zerograd",
]
