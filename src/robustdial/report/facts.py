"""What the page says in words: the summary, the tiles, the settings and how the numbers were measured."""

from __future__ import annotations

from robustdial import record
from robustdial.own_code import named
from robustdial.report.folder import Entry, Folder
from robustdial.report.words import amount, argument, counted, duration, moment, percent, radius, spoken

Rows = list[tuple[str, str]]
Tiles = list[tuple[str, str, str]]

CHOSEN = {
    "best": "The checkpoint is the best epoch by the score on the validation part.",
    "last": "The checkpoint is the last epoch, so nothing was selected.",
}
AS_THEY_CAME = "The networks came as they are: on which images they were trained and chosen is not known here."
PARTS = {"train": "training", "val": "validation", "test": "test"}
UPPER_BOUND = "An attack gives an upper bound: a stronger one may leave less."


def summary(folder: Folder) -> str:
    """The run in one or two sentences, computed from what was measured."""
    points = folder.points
    if not points:
        return f"{_trained(folder)} {_unmeasured(folder)}"
    wide = [p for p in points if p["width"] == points[0]["width"]]
    first, last = wide[0], wide[-1]
    ends = f"dialed from {_both(first)} to {_both(last)}" if len(wide) > 1 else _both(first)
    widths = len({p["width"] for p in points})
    cuts = f", at full width; {widths} widths were measured" if widths > 1 else ""
    return f"One network, {ends}{cuts}. {how(first)}"


def tiles(folder: Folder) -> Tiles:
    """The facts a reader looks for first; a fact that is not recorded has no tile."""
    run = folder.run
    seconds = sum(e.get("seconds") or 0 for e in folder.epochs)
    facts = [
        *ground(run),
        ("Recipe", run.get("recipe") and named(run["recipe"]), f"seed {spoken(run.get('run', {}).get('seed'))}"),
        ("Threat", *_threat(folder)),
        ("Published as", run.get("published"), "trained elsewhere"),
        ("Training", duration(seconds) if seconds else None, _count(folder)),
    ]
    return [(name, value, detail) for name, value, detail in facts if value]


def ground(run: Entry) -> list[tuple[str, str | None, str]]:
    """The tiles of the data and the model."""
    data, model = run.get("data", {}), run.get("model", {})
    size = f"{model['parameters']:,} parameters" if "parameters" in model else ""
    facts = [("Data", data.get("name"), _parts(data)), ("Model", named(model.get("name", "")), size)]
    if "unlabelled" in data:
        facts.insert(1, ("Teacher", run.get("run", {}).get("teacher"), "its guesses label the unlabelled images"))
    return facts


def elsewhere(run: Entry) -> str:
    """Why there is no epoch of a run that no training here has made; empty for others."""
    if "published" in run:
        return f"It was trained elsewhere, and published as {run['published']}."
    sources = [part.get("source", part["name"]) for part in run.get("model", {}).get("parts", [])]
    return f"It was made without training, of {' and '.join(map(named, sources))}." if sources else ""


def settings(run: Entry) -> list[tuple[str, Rows]]:
    """Every knob and condition, as titled tables of (name, value)."""
    data = {k: v for k, v in run.get("data", {}).items() if k not in ("notes", "classes")}
    classes = run.get("data", {}).get("classes", [])
    if classes:
        data["classes"] = f"{len(classes)}: {', '.join(classes[:12])}{', …' if len(classes) > 12 else ''}"
    method = {k: v for k, v in run.get("method", {}).items() if k != "type"}
    groups = [
        ("Knobs", run.get("knobs", {})),
        ("Method", method),
        ("Run", run.get("run", {})),
        ("Data", data),
        ("Model", run.get("model", {})),
        ("Machine", run.get("machine", {})),
        ("Software", run.get("versions", {}) | {k: run[k] for k in ("commit", "created") if k in run}),
    ]
    return [
        (title, [(name, argument(name, value)) for name, value in group.items()]) for title, group in groups if group
    ]


def conditions(folder: Folder) -> list[str]:
    """How the measured numbers came about, one sentence each."""
    frontier, points = folder.frontier, folder.points
    notes = frontier.get("notes", folder.run.get("data", {}).get("notes", []))
    if not points:
        return list(notes)
    told = [
        f"{how(points[0])} {UPPER_BOUND}",
        "Each adversarial image was made against the very network it was judged by, at the same λ and width.",
        chosen(frontier["checkpoint"]),
        "Bars and ranges are 95 % intervals for this many test images; the spread between training runs is not in "
        "them: this is one run, with one seed.",
        f"Measured in {frontier['precision']} in {duration(frontier['seconds'])}.",
    ]
    if not all(p["trained"] for p in points):
        told.append("Hollow markers are positions of the dial that were not trained themselves.")
    return [*told, *notes]


def _unmeasured(folder: Folder) -> str:
    if not folder.outdated:
        return "Its trade-off has not been measured yet."
    again = " and ".join(f"robustdial {command}" for command in folder.outdated)
    return f"Its weights or its file have changed since it was measured; give {again} again."


def chosen(checkpoint: str) -> str:
    """Which checkpoint was measured, and that the test part had no say in it, where that is known."""
    if checkpoint == record.GIVEN:
        return AS_THEY_CAME
    return f"The test part took no part in training or in choosing a checkpoint. {CHOSEN.get(checkpoint, '')}".strip()


def how(point: Entry) -> str:
    """What robust means for a measured point, in a sentence."""
    threat = point.get("threat")  # early files do not name it
    size = radius(threat or "Linf", point["eps"])
    where = f"at {size}" + (f" ({threat})" if threat else "") if size else f"in the whole set of {threat}"
    part = PARTS.get(point.get("part", "test"), "test")
    return f"Robust is accuracy under {point['attack']} {where} on {point['n']} {part} images."


def cost(point: Entry) -> str:
    """What a point costs, in a phrase; empty where it was not measured."""
    return f"{amount(point['macs'])} multiply-adds, {moment(point['latency'])} per image" if "macs" in point else ""


def timing(frontier: Entry) -> str:
    """Under which conditions the latencies hold."""
    known = frontier.get("timing")
    if not known:
        return ""
    threads = "" if known["device"].startswith("cuda") else f", {counted(known['threads'], 'thread')}"
    return f"batch of {known['batch']} on {known['machine']} ({known['device']}{threads})"


def crossed(cross: Entry) -> str:
    """How a crossing was measured, in a sentence."""
    return f"{how(cross)} Width {cross['width']:g}."


def _both(point: Entry) -> str:
    at = "" if point["lam"] is None else f" (λ\N{NO-BREAK SPACE}{point['lam']:.4g})"
    return f"{percent(point['clean'])} clean / {percent(point['robust'])} robust{at}"


def strongest(folder: Folder) -> str:
    """The attack to evaluate a run under: AutoAttack where it moves, else what climbs and what draws."""
    name, _ = _threat(folder)
    return {None: "autoattack", "Linf": "autoattack", "L2": "autoattack", "L0": "saa"}.get(name, "apgd-ce+worst-of-10")


def _trained(folder: Folder) -> str:
    run = folder.run
    recipe, data = run.get("recipe"), run.get("data", {}).get("name")
    if recipe and data and (told := elsewhere(run)):
        return f"{named(recipe)} on {data}. {told}"
    return f"{named(recipe)} on {data}, {_count(folder)}." if recipe and data else f"A run of {_count(folder)}."


def _count(folder: Folder) -> str:
    n = len(folder.epochs)
    return f"{n or 'no'} epoch{'' if n == 1 else 's'}"


def _parts(data: Entry) -> str:
    names = {"train": "labelled"} if "unlabelled" in data else {}
    parts = ("train", "unlabelled", "extra", "val", "test")
    counts = data | {"extra": data.get("extra", {}).get("images")}
    return ", ".join(f"{counts[part]:,} {names.get(part, part)}" for part in parts if counts.get(part))


def _threat(folder: Folder) -> tuple[str | None, str]:
    """The threat of a run, and its radius if it is a ball: of what was measured, or else of what it was trained for."""
    known = folder.points[0] if folder.points else {}
    name = known.get("threat") or folder.run.get("threat") or folder.run.get("method", {}).get("threat", {}).get("type")
    eps = known.get("eps", folder.run.get("knobs", {}).get("eps"))
    return name, radius(name or "Linf", eps) if eps is not None else ""
