"""An evaluation in `score.json`: in the vocabulary of RobustBench where it has a word, with counts and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robustdial import record
from robustdial.attack import Clean, autoattack
from robustdial.evaluate import Accuracy, Survivors, in_all, under_each
from robustdial.method.threat import ball_in_words
from robustdial.study.evaluation.evaluation import Evaluation
from robustdial.study.evaluation.target import Subject
from robustdial.typing import Json, written


def score_of(evaluation: Evaluation, survivors: Survivors) -> dict[str, Json]:
    """What is written of a complete evaluation.

    `clean_acc` and `autoattack_acc` are percentages in words, as in RobustBench's lists; the latter is there only
    after the whole standard AutoAttack, searched in float32. All other accuracies are fractions. An attack gives an
    upper bound.
    """
    score = _told(evaluation, survivors, [attack.name for attack in evaluation.stages])
    if evaluation.stages == (Clean(), *autoattack().attacks) and evaluation.search == "float32":
        score["autoattack_acc"] = f"{100 * survivors.accuracy().value:.2f}"
    return score


def score_of_union(parts: Sequence[Evaluation], found: Sequence[Survivors], whole: Evaluation) -> dict[str, Json]:
    """What is written of a complete evaluation under several threats.

    It is a score whose `robust` are the images that stand under every threat, and whose stages in `standing` are the
    threats: how many are left of the images that no earlier one has broken. Besides it has `norms`, the accuracy under
    each threat by itself, and their `average`.

    Args:
        parts: the evaluation under each ball (`parts_of`).
        found: what is known after each.
        whole: the evaluation under their union.
    """
    balls, told = [ball_in_words(part.subject.threat) for part in parts], under_each(found)
    norms = [
        {"threat": ball, "robust": one.value, "robust_interval": list(one.interval), "n": one.n, "key": part.key}
        for ball, one, part in zip(balls, told.each, parts, strict=True)
    ]
    score = _told(whole, in_all(found), ["clean", *balls])
    return score | parts[0].origin | {"norms": norms, "average": told.average}


def _told(evaluation: Evaluation, survivors: Survivors, stages: Sequence[str]) -> dict[str, Json]:
    subject, clean, robust = evaluation.subject, survivors.accuracy(0), survivors.accuracy()
    return {
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
        "standing": _stages(stages, survivors),
        "per_class": _per_class(evaluation.subject, survivors),
        "key": evaluation.key,
        "seconds": float(survivors.seconds.sum()),
        "precision": "float32",
        **evaluation.searched,
        **evaluation.origin,
    }


def known_score(evaluation: Evaluation) -> dict[str, Json]:
    """What `score.json` says of an evaluation under the same conditions; nothing if there was none."""
    return next((score for score in _scores(evaluation) if score.get("key") == evaluation.key), {})


def forget_another(evaluation: Evaluation) -> None:
    """Take out of `score.json` what another network of the same conditions has left there, before this one is measured.

    Where the verdicts are of code that has been edited since, so are the further parts and the extremes, and what the
    union of several threats has of them.
    """
    path = evaluation.subject.folder / record.SCORE
    if not evaluation.of_another:
        return
    with record.changing(path):
        record.write_json(path, {"scores": [s for s in _scores(evaluation) if evaluation.key not in _keys(s)]})
    (evaluation.subject.folder / record.EXTREMES.format(evaluation.key)).unlink(missing_ok=True)


def _keys(score: Mapping[str, Json]) -> list[Json]:
    """Of the evaluations that a score is made of."""
    return [part.get("key") for part in (score, *score.get("norms", []))]


def write_score(evaluation: Evaluation, score: dict[str, Json]) -> None:
    """Put an evaluation into `score.json`, in the place of an earlier one under the same conditions.

    What that one has besides, such as a further part that another process has measured meanwhile, is kept.
    """
    path = evaluation.subject.folder / record.SCORE
    with record.changing(path):
        scores = _scores(evaluation)
        earlier = next((other for other in scores if other.get("key") == score["key"]), {})
        others = [other for other in scores if other.get("key") != score["key"]]
        record.write_json(path, {"scores": [*others, earlier | score]})


def _scores(evaluation: Evaluation) -> list[dict[str, Json]]:
    path = evaluation.subject.folder / record.SCORE
    return list(record.read_json(path)["scores"]) if path.exists() else []


def _stages(names: Sequence[str], survivors: Survivors) -> list[Json]:
    tried, rows = len(survivors.broken_by), []
    for stage, name in enumerate(names):
        left = int(survivors.after(stage).sum())
        seconds = float(survivors.seconds[stage])
        rows.append({"attack": name, "tried": tried, "standing": left, "seconds": seconds})
        tried = left
    return rows


def _per_class(subject: Subject, survivors: Survivors) -> list[Json]:
    labels, last = subject.source.labels, len(survivors.seconds) - 1
    clean, robust = survivors.after(0), survivors.after(last)
    rows = []
    for label, name in enumerate(subject.classes):
        of = labels == label
        n = int(of.sum())
        if n:
            both = Accuracy(int(clean[of].sum()), n), Accuracy(int(robust[of].sum()), n)
            sides = zip(("clean", "robust"), both, strict=True)
            found = {k: v for side, a in sides for k, v in ((side, a.value), (f"{side}_interval", list(a.interval)))}
            rows.append({"label": label, "name": name, "n": n, **found})
    return rows
