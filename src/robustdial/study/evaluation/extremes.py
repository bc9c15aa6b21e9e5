"""The images that fell most easily, and those that stand most firmly."""

from __future__ import annotations

import torch
from torch import Tensor

from robustdial import record
from robustdial.data import grey_levels, unit
from robustdial.evaluate import UNBROKEN, Survivors
from robustdial.precision import full_precision
from robustdial.randomness import seeded
from robustdial.study.evaluation.evaluation import Evaluation

MOST = 8


def take_extremes(evaluation: Evaluation, survivors: Survivors) -> None:
    """Write up to 8 of each with their adversaries, made by the first attack: `easy/...` and `hard/...`.

    Easy are images that were right and then fell with the widest lead of a wrong class; hard are standing ones whose
    right class kept the widest lead. Each has `clean` and `adv` (uint8 `[N, C, H, W]`), `labels`, `index` (in the
    evaluated part), `lead` (of the right class, in logits), `pred_clean`, `conf_clean`, `pred_adv` and `conf_adv`.
    """
    fell, stands = survivors.broken_by > 0, survivors.broken_by == UNBROKEN
    chosen = {"easy": _first(fell, survivors.lead), "hard": _first(stands, -survivors.lead)}
    tensors = {
        f"{side}/{name}": value
        for side, index in chosen.items()
        if len(index)
        for name, value in _looked_at(evaluation, survivors, index).items()
    }
    if tensors:
        record.write_tensors(
            evaluation.subject.folder / record.EXTREMES.format(evaluation.key), tensors, evaluation.conditions
        )


def _first(among: Tensor, order: Tensor) -> Tensor:
    index = among.nonzero().flatten()
    return index[order[index].argsort()[:MOST]]


def _looked_at(evaluation: Evaluation, survivors: Survivors, index: Tensor) -> dict[str, Tensor]:
    subject, attack = evaluation.subject, evaluation.stages[1]
    x, y = next(subject.source.batches([index]))
    x = unit(x)
    with seeded(evaluation.seed, x.device), full_precision():
        adv = attack(subject.f, x, y, subject.threat)
        with torch.no_grad():
            answers = {"clean": subject.f(x), "adv": subject.f(adv)}
    found = {
        "clean": grey_levels(x),
        "adv": grey_levels(adv),
        "labels": y,
        "index": index,
        "lead": survivors.lead[index],
    }
    for side, logits in answers.items():
        found[f"conf_{side}"], found[f"pred_{side}"] = logits.softmax(1).max(1)
    return found
