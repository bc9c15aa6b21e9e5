"""Settings of a run that are refused, each in one line with what to write instead."""

from __future__ import annotations

import math

from robustdial.data import check_augment, mixing_of
from robustdial.run.settings import Run, is_network
from robustdial.training.growth import parse_growth
from robustdial.training.optimizer import check_optimizer
from robustdial.training.rate import parse
from robustdial.training.sides import parse_sides

UNCOMPILED = ("grad_checkpointing", "sync_norm", "shard_weights")
"""Settings that do not go together with torch.compile yet."""


def check(run: Run) -> None:
    """Raise ValueError if the settings cannot be meant, alone or together."""
    for rule in (_numbers, _words, _batches, _processes, _labels, _teacher):
        rule(run)


def _numbers(run: Run) -> None:
    for name in ("epochs", "batch", "lr"):
        if not getattr(run, name) > 0:
            raise ValueError(f"--{name} {getattr(run, name)} is not positive.")
    if not 0 <= run.seed < 2**32:
        raise ValueError(f"--seed {run.seed} is out of range. Choose it from 0 to {2**32 - 1}.")
    for name in ("momentum", "ema", "awp", "label_smoothing", "distil"):
        if not 0 <= getattr(run, name) < 1:
            raise ValueError(f"--{name.replace('_', '-')} {getattr(run, name):g} is not a share from 0 to below 1.")
    if not run.weight_decay >= 0:
        raise ValueError(f"--weight-decay {run.weight_decay:g} pushes weights away. Give 0 or a small number, 5e-4.")
    if not 0 < run.layer_decay <= 1:
        raise ValueError(f"--layer-decay {run.layer_decay:g} is no factor. Give one such as 0.75, or 1 for none.")
    if not run.save_every >= 0:
        raise ValueError(f"--save-every {run.save_every:g} is no time. Give seconds, for example 60.")
    if not 0 <= run.clip < math.inf:
        raise ValueError(f"--clip {run.clip:g} is no length of a gradient. Give one such as 1, or 0 for any length.")
    if not 0 <= run.warmup < run.epochs:
        raise ValueError(f"--warmup {run.warmup:g} of {run.epochs} epochs leaves none after it. Give fewer.")
    if not 0 < run.val < 1:
        raise ValueError(
            f"--val {run.val:g} is not a share. Hold out a part of the training images to choose the checkpoint, "
            "for example 0.1."
        )


def _words(run: Run) -> None:
    check_optimizer(run.optimizer)
    parse(run.rate)
    parse_growth(run.eps_schedule)
    if isinstance(run.size, str):
        parse_sides(run.size)
    if run.augment is not None:
        check_augment(run.augment)
    if run.start and run.pretrained:
        raise ValueError("--start and --pretrained both name the weights to start from. Give one of them.")


def _batches(run: Run) -> None:
    if run.accumulate < 1 or run.batch % run.accumulate:
        raise ValueError(f"--accumulate {run.accumulate} does not divide --batch {run.batch}. Give a number that does.")
    if not 0 < run.extra_share < 1:
        raise ValueError(f"--extra-share {run.extra_share:g} is not a share of a batch. Give one such as 0.7.")
    if run.extra and run.batch < 2:
        raise ValueError("--batch 1 has no room for --extra beside an image of --data. Give 2 or more.")
    mixing_of(run.mixup, run.cutmix)


def _processes(run: Run) -> None:
    apart = [("grad_checkpointing", flag) for flag in ("sync_norm", "shard_weights")]
    for pair in apart + [(flag, "compile") for flag in UNCOMPILED]:
        if all(getattr(run, flag) is True for flag in pair):  # what is left to be found out is found out later
            one, other = (flag.replace("_", "-") for flag in pair)
            raise ValueError(f"--{one} and --{other} do not go together yet. Give one of them.")
    if run.shard_weights and run.awp:
        raise ValueError(
            "--awp takes gradients that no optimizer follows, which divided weights do not average. Drop "
            "--shard-weights, or --awp."
        )


def _labels(run: Run) -> None:
    if run.labelled is not None and run.unlabelled is not None:
        raise ValueError("--labelled and --unlabelled both say which images have no labels. Give one of them.")
    if run.distil and run.label_smoothing:
        raise ValueError("--distil and --label-smoothing both soften the labels. Give one of them.")


def _teacher(run: Run) -> None:
    if run.distil and run.teacher is None:
        raise ValueError("--distil learns from a teacher. Name the folder of its run: --teacher runs/standard.")
    if run.teacher_weights and not is_network(run.teacher or ""):
        raise ValueError(
            "--teacher-weights are of a network that --teacher names, timm:resnet18 or file.py:build. Name it so, "
            "or leave them out."
        )
