"""What `cross.json` says, in sentences."""

from __future__ import annotations

from robustdial.report.folder import Entry
from robustdial.report.words import interval, percent


def crossing(cross: Entry) -> list[str]:
    """The worth of a random lambda, of the best single one and of any, one sentence each.

    The first two under the same adversary: whichever of all does best on an image.
    """
    random = cross["random"]
    best, lam = max(zip(cross["unknown"], cross["lams"], strict=True), key=lambda pair: float(pair[0]["mean"]))
    worst = random["adversary"] if isinstance(random["adversary"], str) else f"lambda {random['adversary']:.4g}"
    return [
        f"A lambda drawn for every request: {_told(cross['per_image'])} robust against the worst adversary of each "
        f"image, {_told(random)} against the worst one for all images, who attacks "
        f"{'the ' if worst == random['adversary'] else ''}{worst}; {percent(random['clean'])} clean.",
        f"The best single lambda, {lam:.4g}: {_told(best)} robust against the worst adversary of each image. It was "
        "picked on these images, where the best of several stands a little too high.",
        f"Whatever lambda is served, whichever was attacked: {_told(cross['any'])} of the images are answered rightly.",
    ]


def _told(estimate: Entry) -> str:
    return f"{percent(estimate['mean'])} ({interval([estimate['low'], estimate['high']])})"
