"""What each file of a run must hold, as far as anything here reads it. A file may hold more."""

from __future__ import annotations

from robustdial.record import names
from robustdial.record.shape import ANY, Form, Maybe, fault
from robustdial.typing import Json

SHARE, COUNT, POSITIVE = (0.0, 1.0), (0, 2**53), (1, 2**53)
SPAN = [float, float]
NUMBER, TEXT = Maybe(float), Maybe(str)

DIALED = Maybe([float])
KNOBS = {...: ANY, "lambdas?": DIALED, "widths?": DIALED, "lams?": DIALED}
DATA = {
    "name": str,
    "classes": [str],
    "shape": [(1, 2**24)] * 3,
    "mean?": [float],
    "std?": [float],
    "train": COUNT,
    "val?": COUNT,
    "test?": COUNT,
    "unlabelled?": COUNT,
    "extra?": {"images": COUNT, "share": SHARE, "labels": str},
    "labels?": str,
    "notes?": [str],
}
PLACES = {"data?": str, "unlabelled?": str, "extra?": str, "root?": str}
PART = {"name": str, "width": Maybe(POSITIVE), "source?": str, "foreign?": bool, "held_out?": bool}
"""One of two networks with a dial between them."""

MODEL = {
    "name": str,
    "width?": Maybe(POSITIVE),
    "pretrained?": bool,
    "parameters?": COUNT,
    "parts?": [PART],
    "share?": NUMBER,
    "sure?": NUMBER,
    "fitted_with?": str,
}
THREAT = {"type?": str, "eps?": float}
METHOD = {"type?": str, "threat?": THREAT, "dial?": {"lambdas?": [float], "widths?": [float]}}
ORIGIN = {
    "created?": TEXT,
    "versions?": {...: ANY},
    "machine?": {...: ANY},
    "commit?": TEXT,
    "command?": str,
}
A_RUN = {
    "name?": str,
    "recipe?": str,
    "knobs?": KNOBS,
    "method?": METHOD,
    "threat?": str,
    "teacher?": str,
    "data?": DATA,
    "places?": PLACES,
    "model?": MODEL,
    "compiled?": {"yes": bool, "why": TEXT},
    "published?": str,
    "run?": {...: ANY, "epochs?": POSITIVE, "seed?": COUNT, "teacher?": TEXT},
    **ORIGIN,
}
"""`run.json`; whoever goes on with a run asks for more: `TRAINED_RUN`."""

TRAINED_RUN = {
    "recipe": str,
    "knobs": KNOBS,
    "method": {"threat": {**THREAT, "type": str}, "dial": METHOD["dial?"]},
    "data": {**DATA, "test": POSITIVE, "val": COUNT},
    "model": {**MODEL, "parameters": COUNT},
    "run": {...: ANY, "epochs?": POSITIVE, "seed": COUNT, "device": str, "precision": str},
    "published?": str,
}
NETWORK = {
    "recipe": str,
    "knobs": KNOBS,
    "data": {**DATA, "mean": [float], "std": [float]},
    "model": {**MODEL, "width": Maybe(POSITIVE)},
    "points?": [ANY],
}
"""What a network is built from, of a run or on the hub."""

COST = {
    "lam?": NUMBER,
    "width": SHARE,
    "parameters": COUNT,
    "macs": COUNT,
    "latency": float,
    "latency_quartiles": SPAN,
}
POINT = {
    "lam": NUMBER,
    "width?": SHARE,
    "clean": Maybe(SHARE),
    "robust": Maybe(SHARE),
    "clean_interval?": Maybe(SPAN),
    "robust_interval?": Maybe(SPAN),
    "n": COUNT,
    "attack": str,
    "threat?": str,
    "eps": float,
    "trained": bool,
    "part?": str,
    **{f"{key}?": form for key, form in COST.items() if key not in ("lam?", "width")},
}
TIMING = {"batch": COUNT, "device": str, "machine": TEXT, "threads": COUNT}
POINTS = {
    "points": [{"lam": NUMBER, "clean": Maybe(SHARE), "robust": Maybe(SHARE), "width?": SHARE}],
    "seconds?": float,
    "checkpoint?": str,
    "precision?": str,
    "dataset?": str,
    "notes?": [str],
    "costs?": [COST],
    "timing?": TIMING,
    "dialed?": {"parameters": COUNT, "macs": COUNT},
    "weights?": str,
}
MEASURED_POINTS = {**POINTS, "points": [POINT], "seconds": float, "checkpoint": str, "precision": str}
"""Points of this version; earlier ones said less, and are measured again."""

ESTIMATE = {"mean": NUMBER, "low": NUMBER, "high": NUMBER}
CROSSED = {
    "lams": [float],
    "adversaries": [ANY],
    "width": SHARE,
    "matrix": [[SHARE]],
    "expected": [SHARE],
    "known": [ESTIMATE],
    "unknown": [ESTIMATE],
    "any": ESTIMATE,
    "random": {**ESTIMATE, "adversary": ANY, "clean": SHARE},
    "per_image": ESTIMATE,
    "dataset?": str,
    "notes?": [str],
    "attack": str,
    "threat": str,
    "eps": float,
    "n": COUNT,
    "weights?": str,
}
ROW = {"robust?": SHARE, "robust_interval?": SPAN, "accuracy?": SHARE, "interval?": SPAN, "n": COUNT}
ROBUST = {"robust": SHARE, "robust_interval": SPAN}
BOTH = {**ROBUST, "clean": SHARE, "clean_interval": SPAN}
NORM = {**ROW, **ROBUST, "threat": str}
MEASURED = {"lam": NUMBER, "width?": SHARE, "clean": SHARE, "robust": SHARE, "n": COUNT, "attack": str}
EVALUATED = {
    **MEASURED,
    "model": str,
    "dataset": str,
    "part": str,
    "threat_model": str,
    "radius": float,
    "seconds": float,
    **BOTH,
    "standing": [{"attack": str, "tried": COUNT, "standing": COUNT, "seconds": float}],
    "per_class?": [{"label": COUNT, "name": str, "n": COUNT, **BOTH}],
    "weights?": str,
    "trained?": bool,
    "chosen_on?": TEXT,
    "seed?": Maybe(COUNT),
    "key?": str,
    "precision?": str,
    "search?": str,
    "autoattack_acc?": str,
    "norms?": [NORM],
    "average?": SHARE,
    "gap?": Maybe({"attack": str, "sample": COUNT, "broken?": COUNT, "robust?": NUMBER, "interval?": Maybe(SPAN)}),
    "checks?": [{"id": str, "title": str, "state": str, "seen": str, "meaning": str, "remedy": str}],
    "curve?": [{**ROW, **ROBUST, "eps": str, "radius": float, "attack?": str}],
    "corruptions?": [{**ROW, "kind": str, "level": COUNT, "accuracy": SHARE}],
    "unseen?": [{**ROW, **ROBUST, "threat": str, "attack": str}],
    "warps?": [{**ROW, **ROBUST, "threat": str, "attack": str}],
    "background?": [{**ROW, **ROBUST, "changed": str, "how": str, "background": str}],
    **ORIGIN,
}
COMPARED = {
    "entries?": [{"label": str, "recipe": str, "knobs": KNOBS}],
    "asked?": {...: ANY},
    "places?": PLACES,
    "seeds?": [COUNT],
    "attacks?": [str],
    "n_asked?": Maybe(POSITIVE),
    "also?": [str],
    "threat?": str,
    "eps?": float,
    "n?": COUNT,
    "seconds_total?": float,
    "interval?": str,
    "rows?": [{...: ANY, "knobs?": Maybe(KNOBS)}],
    "data?": DATA,
    "model?": MODEL,
    "run?": {...: ANY, "epochs?": POSITIVE},
    **ORIGIN,
}
"""`compare.json`; its rows are looked at by whoever shows them."""

BEGUN_COMPARISON = {
    "entries": [{"label": str, "recipe": str, "knobs": KNOBS}],
    "asked": {...: ANY},
    "seeds": [COUNT],
    "attacks": [str],
    "n_asked": Maybe(POSITIVE),
    "seconds_total": float,
    "first?": Maybe({"epochs": POSITIVE, "distil": SHARE}),
}
"""What a comparison goes on from."""

FILE = {
    "format": str,
    "bytes": COUNT,
    "tolerance": NUMBER,
    "parity": {"difference": float, "scale": float, "agree": COUNT, "n": COUNT},
    "measured?": POINT,
    "speedup?": {"over": str, "batch": COUNT, "ratio": float},
}
BAKED = {
    "network": {...: ANY},
    "run": {...: ANY},
    "measured": POINT,
    "several?": {"attack": str, "n": COUNT, "norms": [NORM], "average": SHARE, **ROBUST},
    "files": {...: FILE},
}
"""What the card of a baked network holds, whatever it is called."""

EPOCH = {
    "epoch": POSITIVE,
    **{f"{key}?": NUMBER for key in ("passes", "spent", "loss", "clean", "adv", "gradient", "lr", "seconds", "score")},
    "val?": Maybe([{"lam": NUMBER, "clean": NUMBER, "robust": NUMBER}]),
    "health?": Maybe({...: NUMBER}),
    "along?": Maybe([{"lam": float, "clean": SHARE, "n": COUNT}]),
    "trouble?": TEXT,
}
TRAINED_EPOCH = {
    **EPOCH,
    **dict.fromkeys(("passes", "spent", "loss", "seconds", "score"), float),
    "gradient": NUMBER,
    "val": [{"lam": NUMBER, "clean": float, "robust": NUMBER}],
    "health": dict.fromkeys(("clean", "one_step", "many_steps", "linearity", "top", "n"), float),
}
"""A line of `epochs.jsonl` that a training goes on from."""

FORMS: dict[str, Form] = {
    names.RUN: A_RUN,
    names.EPOCHS: EPOCH,
    names.TROUBLES: {"epoch": COUNT, "trouble": str, "action": str, "seconds_lost?": float, "spent_lost?": float},
    names.FRONTIER: {**POINTS, "part?": {"test"}},
    names.CHOOSE: {**POINTS, "part?": {"val"}},
    "frontier-before.json": {**POINTS, "part?": {"test"}},
    "choose-before.json": {**POINTS, "part?": {"val"}},
    names.CROSS: CROSSED,
    names.SCORE: {"scores": [MEASURED]},
    names.ALSO: {"parts": [{"lam": NUMBER, "part": str, "asked": Maybe(COUNT), "n": COUNT, "columns": {...: SHARE}}]},
    names.COMPARE: COMPARED,
    names.CARD: BAKED,
    names.GENERATOR: {
        "run": {...: ANY, "width": POSITIVE, "latent": POSITIVE},
        "data": {"name?": str, "classes": [str], "shape": [POSITIVE] * 3, "train": COUNT},
    },
    "average.json": {"fingerprint": str},
}


def fault_of(name: str, found: Json) -> str | None:
    """What is wrong with what a file of this name holds, or a line of it, in words; None if nothing is."""
    wrong = fault(found, FORMS[name]) if name in FORMS else None
    if wrong is None and name == names.SCORE:
        wrong = _wrong_evaluation(found["scores"])
    if wrong is None and name == names.CROSS:
        wrong = _wrong_lengths(found)
    return wrong


def _wrong_evaluation(scores: list[Json]) -> str | None:
    """Of the scores, those of an evaluation say more than those of a comparison."""
    said = ((index, fault(score, EVALUATED)) for index, score in enumerate(scores) if "standing" in score)
    return next((f"scores[{index}]: {wrong}" for index, wrong in said if wrong), None)


def _wrong_lengths(cross: Json) -> str | None:
    """Of a crossing, there is a row for every lambda and the mixture, and a column for every lambda."""
    served, attacked = len(cross["lams"]), len(cross["lams"]) + 1
    wanted = dict.fromkeys(("known", "unknown"), served) | dict.fromkeys(
        ("adversaries", "matrix", "expected"), attacked
    )
    wrong = [name for name, length in wanted.items() if len(cross[name]) != length]
    if not wrong and any(len(row) != served for row in cross["matrix"]):
        wrong = ["matrix"]
    return f"{wrong[0]} does not go with lams" if wrong else None
