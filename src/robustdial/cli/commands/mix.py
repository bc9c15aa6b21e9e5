"""`robustdial mix`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.text import Text

from robustdial.attack import check_supports, parse
from robustdial.cli.commands.next_step import print_next
from robustdial.cli.console import print_notes
from robustdial.cli.quantities import radius
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError
from robustdial.recipes import Norm, threat_of
from robustdial.recipes.mix import Way
from robustdial.report.words import percent
from robustdial.run import Place, mix_given, notes_on_strangers, settings_of
from robustdial.typing import Json


def mix(
    accurate: str,
    robust: str,
    /,
    way: Way = "probabilities",
    data: str | None = None,
    weights: tuple[Path, ...] = (),
    eps: str | None = None,
    norm: Norm | None = None,
    attack: str = "pgd-20",
    limit: int | None = None,
    val: float | None = None,
    seed: int | None = None,
    size: int | None = None,
    root: str | None = None,
    device: str = "auto",
    out: str = "runs/mix",
) -> int:
    """A dial between two networks that are there already, without training: robustdial mix runs/a runs/b --out runs/m

    Lambda is the share of the second network, the robust one. The folder is measured, searched and shipped as any run:
    frontier, choose, cross, evaluate, bake.

    Args:
        accurate: a run (of one with a dial, a position: runs/x@0), timm:NAME, or file.py:build.
        robust: the second network, named likewise.
        way: probabilities are mixed, at two forwards per image; nuts bends the robust logits before, as MixedNUTS does,
            fitted on validation images; interpolate averages the weights of two networks of one architecture.
        data: images, as in training; by default those of the runs.
        weights: a safetensors file for each network that is no run, in their order.
        eps: radius to measure against, 8/255, 8px or 0.031; by default that of the second run, or 8/255.
        norm: linf, l2 or l1; by default that of the second run, or linf.
        attack: for the fit of nuts: as in evaluate.
        limit: use only so many training images, as in training; of runs, as they did.
        val: share of the training images held out, as in training; of runs, as they did.
        seed: of the division into training and held-out images; that of the runs, or 0.
        size: side of the images in pixels, for folders and hubs.
        root: folder of downloaded data sets.
        device: auto, cpu or cuda.
        out: folder of the result.
    """
    places = _with_weights([Place(accurate), Place(robust)], weights)
    asked = {"data": data, "limit": limit, "val": val, "seed": seed, "size": size, "root": root}
    run, threat = settings_of(places, asked | {"device": device, "out": out})
    threat |= {"eps": radius(eps)} if eps else {}
    threat |= {"norm": norm} if norm else {}
    with_attack = parse(attack)
    check_supports(with_attack, threat_of(threat.get("norm", "linf"), threat.get("eps", 8 / 255)))
    _tell(mix_given(places, run, way, threat, with_attack), out)
    return 0


def _with_weights(places: list[Place], weights: tuple[Path, ...]) -> list[Place]:
    """The places, those that are no runs with their weights. Raises UsageError for another number of files."""
    alone = [place for place in places if place.folder is None]
    if weights and len(weights) != len(alone):
        raise UsageError(
            f"--weights names {len(weights)} for {len(alone)} networks that are no runs. Give one file for each of "
            "these, in their order, or none."
        )
    files = iter(weights)
    return [place if place.folder else replace(place, weights=next(files, None)) for place in places]


def _tell(about: Json, out: str) -> None:
    model, knobs = about["model"], about["knobs"]
    first, second = (part["source"] for part in model["parts"])
    console.print(Text.assemble((out, "bold"), f": lambda 0 is {first}, lambda 1 is {second}"), soft_wrap=True)
    if knobs["way"] == "nuts":
        console.print(
            f"MixedNUTS: s = {knobs['scale']:.3g}, p = {knobs['power']:.3g}, c = {knobs['bias']:.3g}, by "
            f"{model['fitted_with'].upper()}; its lambda is {model['share']:.4g}, where {percent(model['sure'])} of "
            "the robust network's wrong answers stay",
            soft_wrap=True,
        )
    print_notes(notes_on_strangers(about))
    print_next(out, about)
