"""What the page reads from a run folder, each part empty or None where its file is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from torch import Tensor

from robustdial import record
from robustdial.own_code import edited
from robustdial.typing import Json

Entry = dict[str, Json]
_PICTURE = ("clean", "labels", "adv", "pred_clean", "pred_adv", "conf_clean", "conf_adv")


@dataclass(frozen=True)
class Folder:
    """The readable parts of one run folder.

    Args:
        name: the run's name, or the folder's where none is recorded.
        run: conditions of the run (`run.json`).
        epochs: one entry per epoch (`epochs.jsonl`).
        troubles: what went wrong in training, and what was done about it (`troubles.jsonl`).
        frontier: the measured points and how they were measured (`frontier.json`).
        scores: evaluations (`score.json`), the latest last.
        extremes: by the key of an evaluation, its easiest and hardest images (`extremes-KEY.safetensors`).
        cross: accuracies with attack and network at different lambdas (`cross.json`).
        pictures: clean and adversarial test images with predictions (`pictures.safetensors`).
        outdated: commands whose numbers are left out, because the run was trained further since, or the file edited
            that builds its network.
    """

    name: str
    run: Entry
    epochs: list[Entry]
    troubles: list[Entry]
    frontier: Entry
    scores: list[Entry]
    extremes: dict[str, dict[str, Tensor]]
    cross: Entry
    pictures: dict[str, Tensor] | None
    outdated: tuple[str, ...] = ()

    @property
    def foreign(self) -> bool:
        """Whether there are evaluations and nothing of a training: the network comes from elsewhere."""
        return bool(self.scores) and not (self.run or self.epochs or self.frontier)

    @property
    def title(self) -> str:
        """What the page is of; of a network from elsewhere, what it was last evaluated as, without the path to it."""
        if not self.foreign:
            return self.name
        model: str = self.scores[-1]["model"]
        return model.rpartition("/")[2] if ".py:" in model else model

    @property
    def points(self) -> list[Entry]:
        """The measured points: widest network first, each width along lambda."""
        points = [{"width": 1.0} | p for p in self.frontier.get("points", [])]
        return sorted(points, key=lambda p: (-p["width"], p["lam"] or 0.0))

    @property
    def costs(self) -> list[Entry]:
        """What each width costs, widest first; empty where it was not measured."""
        return sorted(self.frontier.get("costs", []), key=lambda row: -row["width"])

    @property
    def dialed(self) -> bool:
        """Whether the measured network has a dial; without one its only point, and its pictures, have no lambda."""
        return all(p["lam"] is not None for p in self.points)


def read(folder: Path) -> Folder:
    """Read what there is in `folder`.

    Raises:
        FileNotFoundError: there is nothing of a run in it.
        ValueError: a file in it is damaged.
    """
    run = _json(folder / record.RUN, remedy=record.NEVER)
    epochs = record.read_epochs(folder)
    found = {"frontier": _json(folder / record.FRONTIER, record.MEASURED_POINTS), "cross": _json(folder / record.CROSS)}
    weights = record.served_weights(folder)
    outdated = tuple(
        name
        for name, about in found.items()
        if about.get("weights", weights) != weights or ("model" in run and edited(run["model"], about))
    )
    frontier, cross = ({} if name in outdated else about for name, about in found.items())
    scores = [score for score in _json(folder / record.SCORE).get("scores", []) if "standing" in score]
    path = folder / record.PICTURES
    if not (run or found["frontier"] or epochs or scores or path.exists()):
        make = f"robustdial train oat --out {quote(str(folder))}"
        raise FileNotFoundError(f"{folder} is not a run folder. Make one with: {make}")
    return Folder(
        name=run.get("name") or folder.resolve().name,
        run=run,
        epochs=epochs,
        troubles=record.read_lines(folder / record.TROUBLES),
        frontier=frontier,
        scores=scores,
        extremes=_extremes(folder, scores),
        cross=cross,
        pictures=_pictured(path, ("",), "lams") if path.exists() and "frontier" not in outdated else None,
        outdated=outdated,
    )


def _extremes(folder: Path, scores: list[Entry]) -> dict[str, dict[str, Tensor]]:
    paths = {score["key"]: folder / record.EXTREMES.format(score["key"]) for score in scores if "key" in score}
    return {key: _pictured(path, ("easy/", "hard/"), "index", "lead") for key, path in paths.items() if path.exists()}


def _pictured(path: Path, sides: tuple[str, ...], *more: str) -> dict[str, Tensor]:
    """Images with what was said of them. Raises ValueError if something else stands in the file."""
    tensors, _ = record.read_tensors(path)
    there = [side for side in sides if any(name.startswith(side) for name in tensors)]
    missing = [side + name for side in there for name in (*_PICTURE, *more) if side + name not in tensors]
    if missing or not there:
        raise ValueError(f"{path} is damaged (it lacks {', '.join(missing) or 'images'}). {record.AGAIN}")
    return tensors


def _json(path: Path, *form: Json, remedy: str = record.AGAIN) -> Entry:
    return record.read_json(path, remedy, *form) if path.exists() else {}
