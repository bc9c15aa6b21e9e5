"""What the page says of an evaluation in words."""

from __future__ import annotations

import re
import shlex

from robustdial.report import facts
from robustdial.report.facts import Rows, Tiles
from robustdial.report.folder import Entry, Folder
from robustdial.report.words import duration, interval, percent, radius, spoken

CHOSEN_ON = {
    "val": "the validation part",
    "test": "the part it is measured on",
    "none": "nothing; it is the last epoch",
}
PARTS = {
    "curve": "accuracy against ε",
    "corruptions": "corruptions",
    "unseen": "unseen threats",
    "warps": "warps",
    "background": "background",
}


def summary(folder: Folder) -> str:
    """A run in its own words; where its trade-off is not measured, or it is no run, those of the latest evaluation."""
    if not folder.scores or folder.points:
        return facts.summary(folder)
    latest = folder.scores[-1]
    before = f"On {latest['dataset']}:" if folder.foreign else facts.summary(folder)
    return f"{before} {headline(latest)}"


def tiles(folder: Folder) -> Tiles:
    """The facts a reader looks for first."""
    if not folder.foreign:
        return facts.tiles(folder)
    latest = folder.scores[-1]
    return [
        ("Data", latest["dataset"], f"{latest['n']:,} images of the {latest['part']} part"),
        ("Threat", latest["threat_model"], radius(latest["threat_model"], latest["radius"])),
        ("Attack", latest["attack"], duration(latest["seconds"])),
    ]


def command(folder: Folder) -> str:
    """What evaluates this network."""
    if not folder.foreign:
        return "robustdial evaluate RUN"
    latest = folder.scores[-1]
    model, _, output = latest["model"].partition(", output ")
    words = {"--model": model, "--output": output, "--data": latest["dataset"]}
    return shlex.join(["robustdial", "evaluate", *(word for pair in words.items() if pair[1] for word in pair)])


def again(entry: Entry, otherwise: str) -> str:
    """The command that measured an entry, which takes from the folder what it found; `otherwise` if it is not known."""
    return re.sub(r" --also(?:=\S+)?(?: (?!--)\S+)*", "", entry.get("command") or otherwise)


def position(entry: Entry) -> str:
    """Where the dial stood, and that it was not trained there; empty for a network without one."""
    if entry.get("lam") is None:
        return ""
    return f"λ {entry['lam']:.4g}, width {entry['width']:g}{'' if entry.get('trained', True) else ', not trained'}"


def title(entry: Entry) -> str:
    """What was attacked, how, and how far."""
    return " · ".join(filter(None, [position(entry), entry["attack"], threat(entry)]))


def threat(entry: Entry) -> str:
    """The threat, with its radius if it is a ball."""
    return ", ".join(filter(None, [entry["threat_model"], radius(entry["threat_model"], entry["radius"])]))


def robust(entry: Entry) -> str:
    """The robust accuracy; after a shortened attack it is marked as a bound."""
    reached = percent(entry["robust"])
    return f"≤\N{NO-BREAK SPACE}{reached}" if entry.get("gap") else reached


def headline(entry: Entry) -> str:
    """Both accuracies, under what, and that something is wrong with them if a check was raised."""
    at, raised = position(entry), [check["title"] for check in entry.get("checks", []) if check["state"] == "raised"]
    told = f"{percent(entry['clean'])} clean / {robust(entry)} robust{at and f' ({at})'}. {attacked(entry)}"
    return f"{told} Raised: {', '.join(raised)}." if raised else told


def attacked(entry: Entry) -> str:
    """What robust means here."""
    return facts.how(entry | {"eps": entry["radius"], "threat": entry["threat_model"]})


def shortened(entry: Entry) -> str:
    """What an attack that was cut short has missed."""
    gap = entry["gap"]
    if not gap["sample"]:
        return f"No image stands after {entry['attack']}, so {gap['attack']} has none left to break."
    told = f"Of {gap['sample']} images that {entry['attack']} left standing, {gap['attack']} broke {gap['broken']}"
    return f"{told}: about {percent(gap['robust'])} ({interval(gap['interval'])}) would stand after all of it."


def conditions(entry: Entry) -> Rows:
    """Under what the numbers hold, as (name, value); what is not recorded is left out."""
    on = entry.get("chosen_on")
    rows = {
        "network": ", ".join(filter(None, [entry["model"], position(entry)])),
        "weights": entry.get("weights"),
        "chosen on": CHOSEN_ON.get(on, on) if on else "not stated",
        "images": f"{entry['n']:,} of {entry['dataset']}, {entry['part']} part",
        "decided on reading": " ".join(entry.get("notes", [])),
        "threat": threat(entry),
        "attack": entry["attack"],
        "RobustBench": f"autoattack_acc {entry['autoattack_acc']}" if "autoattack_acc" in entry else None,
        "seed": spoken(entry.get("seed")),
        "precision": _precision(entry),
        "attack time": duration(entry["seconds"]),
        "date": moment_of(entry),
        "machine": _listed(entry.get("machine")),
        "software": _listed(entry.get("versions")),
        "commit": entry.get("commit"),
        "key": entry.get("key"),
    }
    return [(name, value) for name, value in rows.items() if value]


def _precision(entry: Entry) -> str | None:
    search = entry.get("search")
    return f"{entry['precision']}, searched in {search}" if search else entry.get("precision")


def moment_of(entry: Entry) -> str:
    """When it was written, to the minute; every file tells it in UTC."""
    created = str(entry.get("created") or "")
    return f"{created[:16].replace('T', ' ')} UTC" if created else ""


def missing(entry: Entry) -> str:
    """The parts that were not measured; none of several threats together: each has an evaluation of its own."""
    if entry.get("norms"):
        return ""
    return ", ".join(name for part, name in PARTS.items() if not entry.get(part))


def also(entry: Entry) -> str:
    """The flags that measure them."""
    return " ".join(["--also", *(part for part in PARTS if not entry.get(part))])


def _listed(things: Entry | None) -> str:
    return ", ".join(f"{name} {spoken(value)}" for name, value in (things or {}).items() if value is not None)
