"""An evaluation in `score.json`: in the vocabulary of RobustBench where it has a word, with counts and intervals."""

from __future__ import annotations

from robustdial import record
from robustdial.attack import Clean, autoattack
from robustdial.evaluate import Accuracy, Survivors
from robustdial.study.evaluation.evaluation import Evaluation
from robustdial.typing import Json, written


def score_of(evaluation: Evaluation, survivors: Survivors) -> dict[str, Json]:
    """What is written of a complete evaluation.

    `clean_acc` and `autoattack_acc` are percentages in words, as in RobustBench's lists; the latter is there only
    after the whole standard AutoAttack. All other accuracies are fractions. An attack gives an upper bound.
    """
    subject, clean, robust = evaluation.subject, survivors.accuracy(0), survivors.accuracy()
    score = {
        **subject.about,
        "notes": list(subject.notes),
        "n": clean.n,
        "seed": evaluation.seed,
        "threat_model": subject.threat.name,
        "eps": written(subject.threat.radius),
        "radius": subject.threat.radius,
        "attack": evaluation.attack.name,
        "clean_acc": f"{100 * clean.value:.2f}",
        "clean": clean.value,
        "clean_interval": list(clean.interval),
        "robust": robust.value,
        "robust_interval": list(robust.interval),
        "standing": _stages(evaluation, survivors),
        "per_class": _per_class(evaluation, survivors),
        "key": evaluation.key,
        "seconds": float(survivors.seconds.sum()),
        "precision": "float32",
        **evaluation.origin,
    }
    if evaluation.stages == (Clean(), *autoattack().attacks):
        score["autoattack_acc"] = f"{100 * robust.value:.2f}"
    return score


def known_score(evaluation: Evaluation) -> dict[str, Json]:
    """What `score.json` says of an evaluation under the same conditions; nothing if there was none."""
    return next((score for score in _scores(evaluation) if score.get("key") == evaluation.key), {})


def write_score(evaluation: Evaluation, score: dict[str, Json]) -> None:
    """Put an evaluation into `score.json`, in the place of an earlier one under the same conditions."""
    others = [other for other in _scores(evaluation) if other.get("key") != score["key"]]
    record.write_json(evaluation.subject.folder / record.SCORE, {"scores": [*others, score]})


def _scores(evaluation: Evaluation) -> list[dict[str, Json]]:
    path = evaluation.subject.folder / record.SCORE
    return list(record.read_json(path)["scores"]) if path.exists() else []


def _stages(evaluation: Evaluation, survivors: Survivors) -> list[Json]:
    tried, rows = len(survivors.broken_by), []
    for stage, attack in enumerate(evaluation.stages):
        left = int(survivors.after(stage).sum())
        seconds = float(survivors.seconds[stage])
        rows.append({"attack": attack.name, "tried": tried, "standing": left, "seconds": seconds})
        tried = left
    return rows


def _per_class(evaluation: Evaluation, survivors: Survivors) -> list[Json]:
    labels, last = evaluation.subject.source.labels, len(evaluation.stages) - 1
    clean, robust = survivors.after(0), survivors.after(last)
    rows = []
    for label, name in enumerate(evaluation.subject.classes):
        of = labels == label
        n = int(of.sum())
        if n:
            both = Accuracy(int(clean[of].sum()), n), Accuracy(int(robust[of].sum()), n)
            sides = zip(("clean", "robust"), both, strict=True)
            found = {k: v for side, a in sides for k, v in ((side, a.value), (f"{side}_interval", list(a.interval)))}
            rows.append({"label": label, "name": name, "n": n, **found})
    return rows
