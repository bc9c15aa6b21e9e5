"""`robustdial cross`."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from robustdial import record
from robustdial.attack import check_supports, parse
from robustdial.cli.bars import counting
from robustdial.cli.commands.foreseen import print_foreseen
from robustdial.cli.commands.report_page import write_page
from robustdial.cli.console import print_notes
from robustdial.cli.points import dial_name
from robustdial.cli.terminal import console
from robustdial.evaluate import Position
from robustdial.report.crossing import crossing
from robustdial.report.words import percent
from robustdial.run import trained
from robustdial.study.tradeoff import lambdas_of, measure_cross, test_images
from robustdial.typing import Json


def cross(
    run: Path,
    /,
    lams: tuple[float, ...] = (),
    width: float = 1.0,
    attack: str = "pgd-20",
    data: str | None = None,
    n: int | None = 500,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """Attack a dial at one lambda and serve another, or a random one: robustdial cross runs/x --n 500

    Accuracy of every lambda under the attack made at every lambda, and under the attack on their mixture: an adversary
    who climbs the expectation over the dial. Without that one, a lambda drawn for each request would look more robust
    than it is. The run's best network, on test images, in float32; written to cross.json and the report. Every round is
    kept: after a kill, the same command goes on.

    Args:
        run: folder of the run.
        lams: what the operator may serve; the trained lambdas by default.
        width: share of the channels.
        attack: pgd-K, cw-K on the margin loss, pgd-KxR from R starts, fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t, fab-t,
            square, autoattack, or several joined by +.
        data: where the images of the run are now, or others, as in training; by default where they were.
        n: class-balanced test images to use.
        seed: of the attack's random start.
        device: auto, cpu or cuda.
    """
    measured_with, experiment = parse(attack), trained(run, device, place=data)
    check_supports(measured_with, experiment.method.threat)
    print_notes(experiment.data.notes)
    served = [lam for lam in lams or lambdas_of(experiment.method.dial) if lam is not None]
    # an attack on the mixture asks every position at each step
    places = 2 * [Position(lam, width) for lam in served]
    if places:
        print_foreseen(experiment, measured_with, test_images(experiment, n), places)
    with counting("crossing", len(served) + 2) as bar:
        for done in measure_cross(experiment, served, measured_with, n, seed, width=width):
            bar.update(bar.task_ids[0], completed=done)
    about = record.read_json(run / record.CROSS)
    console.print(_table(about))
    for line in crossing(about):
        console.print(line, soft_wrap=True)
    write_page(run)
    return 0


def _table(about: Json) -> Table:
    title = f"robust accuracy by lambda, {about['attack'].upper()}, n = {about['n']:,}, width {about['width']:g}"
    table = Table("attacked | served", *map(dial_name, about["lams"]), "random", title=title)
    table.title_justify = "left"
    for adversary, row, mean in zip(about["adversaries"], about["matrix"], about["expected"], strict=True):
        table.add_row(_name(adversary), *(percent(cell) for cell in row), percent(mean))
    table.add_section()
    survivors = [*about["unknown"], about["per_image"]]
    table.add_row("all of them", *(percent(cell["mean"]) for cell in survivors))
    return table


def _name(adversary: Json) -> str:
    return adversary if isinstance(adversary, str) else dial_name(adversary)
