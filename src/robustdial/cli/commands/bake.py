"""`robustdial bake`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from robustdial import record
from robustdial.attack import check_supports, parse
from robustdial.cli.bars import counting
from robustdial.cli.commands.foreseen import print_foreseen
from robustdial.cli.console import print_notes
from robustdial.cli.terminal import console
from robustdial.cli.usage import choose
from robustdial.evaluate import Position
from robustdial.method.threat import L2, Linf
from robustdial.report.words import interval, percent
from robustdial.run import trained
from robustdial.ship import bake as shipping
from robustdial.ship.export import FORMATS, PREPROCESS, Facts, threat_in_words
from robustdial.ship.place import README, Place, format_of, place_at
from robustdial.study.tradeoff import test_images
from robustdial.typing import Json


def bake(
    run: Path,
    /,
    lam: float | None = None,
    width: float = 1.0,
    format: tuple[str, ...] | None = None,
    attack: str = "pgd-20",
    data: str | None = None,
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
    out: Path | None = None,
) -> int:
    """Ship one position of the dial as a plain network: robustdial bake runs/x --lam 0.4 --format onnx

    Writes the network, a model card with what was measured on it, and the Python that loads it. Every file is read back
    and compared with the dialed network before it is kept.

    Args:
        run: folder of the run.
        lam: position of the dial, trained or between trained ones; none for a network without a dial.
        width: share of the channels. Of a dial that was trained with several widths, another one is cut out of the next
            wider one, its statistics measured on training images.
        format: one or more of safetensors (weights), pt2 (torch.export, needs PyTorch alone), robustbench (pt2 as its
            leaderboard asks for it), onnx, and onnx-int8 (eight bits, measured on its own); pt2 by default.
        attack: pgd-K, cw-K, fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t, fab-t, square, autoattack, or several
            joined by +.
        data: where the images of the run are now, or others, as in training; by default where they were.
        n: class-balanced test images to measure on; all by default.
        seed: of the attack's random start.
        device: where to measure: auto, cpu or cuda.
        out: folder to write to; by default baked/ in the run, and there one folder for each position. A name that ends
            in .onnx, .pt2 or .safetensors is that file, with its card and its preprocessing beside it.
    """
    formats = _formats(format, out)
    measured_with, experiment = parse(attack), trained(run, device, place=data)
    threat = experiment.method.threat
    check_supports(measured_with, threat)
    print_notes(experiment.data.notes)
    if "robustbench" in formats and not isinstance(threat, Linf | L2):
        raise ValueError(f"RobustBench knows Linf and L2, not {threat.name}. Choose another --format, such as pt2.")
    baked, source = shipping.bake(experiment, lam, width), test_images(experiment, n)
    place = place_at(out or shipping.place_of(baked))
    shipping.files_in(place, baked)  # what is wrong with the folder is said before the work
    record.sweep(place.folder)
    print_foreseen(experiment, measured_with, source, [Position(lam, width)])
    made = {}
    with record.staged(place.folder) as stage:
        with counting("baking", len(formats) + 1) as bar:
            for name in formats:  # all of them before anything is measured: one may be refused
                made[FORMATS[name].file] = shipping.write(baked, name, stage)
                bar.advance(bar.task_ids[0])
            for file in made.values():
                if file["tolerance"] is None:
                    file |= shipping.measured_rounded(baked, file["format"], measured_with, source, stage, seed)
            point = shipping.measured(baked, measured_with, source, seed)
            bar.advance(bar.task_ids[0])
        about = shipping.put_in_place(baked, point, made, stage, place)
    _tell(about, place, baked.facts)
    return 0


def _formats(names: Sequence[str] | None, out: Path | None) -> list[str]:
    """The formats to write: what is rounded is compared with `onnx`, so that comes first; every name once.

    >>> _formats(["onnx-int8", "pt2"], None), _formats(None, None), _formats(None, Path("net.onnx"))
    (['onnx', 'onnx-int8', 'pt2'], ['pt2'], ['onnx'])
    """
    single = format_of(out)
    if names is None:
        return [single or "pt2"]
    for name in names:
        choose(name, tuple(FORMATS), "format")
    both = [other for name in names for other in (("onnx", name) if name == "onnx-int8" else (name,))]
    if single is not None and set(both) != {single}:
        raise ValueError(
            f"--out {out} names one file, of format {single}; --format {' '.join(names)} is more or another. "
            "Give --out a folder."
        )
    return list(dict.fromkeys(both))


def _tell(about: Json, place: Place, facts: Facts) -> None:
    out = place.folder
    for name, file in about["files"].items():
        parity = file["parity"]
        told = (
            f"  {file['bytes']:,} bytes; logits within {parity['difference']:.1e} of the dialed network's "
            f"(scale {parity['scale']:.3g})"
        )
        console.print(Text.assemble((str(out / name), "bold"), told), soft_wrap=True)
        console.print(FORMATS[file["format"]].lines(str(out / name), facts) + "\n", soft_wrap=True)
    _tell_point("float32", about["measured"])
    for name, file in about["files"].items():
        if "measured" in file:
            _tell_point(name, file["measured"])
    console.print(f"feed it with: {out / place.name(PREPROCESS)}", soft_wrap=True)
    console.print(f"card: {out / place.name(README)}", soft_wrap=True)


def _tell_point(name: str, point: Json) -> None:
    clean, robust = (f"{percent(point[of])} ({interval(point[f'{of}_interval'])})" for of in ("clean", "robust"))
    console.print(
        f"{name}: clean {clean}, under {point['attack']}, {threat_in_words(point)}, {robust}, n = {point['n']:,}",
        soft_wrap=True,
    )
