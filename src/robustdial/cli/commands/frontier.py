"""`robustdial frontier`."""

from __future__ import annotations

from pathlib import Path

from robustdial.attack import check_supports, parse
from robustdial.cli.bars import counting
from robustdial.cli.commands.foreseen import print_foreseen
from robustdial.cli.commands.report_page import write_page
from robustdial.cli.console import print_notes
from robustdial.cli.points import point_in_words, points_table, print_verdicts
from robustdial.cli.terminal import console
from robustdial.own_code import named
from robustdial.run import trained
from robustdial.study.tradeoff import measure_frontier, positions_of, take_pictures, test_images


def frontier(
    run: Path,
    /,
    lams: tuple[float, ...] = (),
    widths: tuple[float, ...] = (),
    attack: str = "pgd-20",
    data: str | None = None,
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """Measure a run over its dial; write frontier.json, pictures and the report: robustdial frontier runs/x

    The run's best network, on test images, in float32. The attack is made at the lambda and the width that are served.
    Each point is written as soon as it is measured: after a kill, the same command goes on with the rest. Under another
    attack, n or seed, or after more training, the file begins anew; the one before is kept as frontier-before.json.

    Args:
        run: folder of the run.
        lams: positions to measure; by default the trained ones, and at full width the middle of every wide gap.
        widths: shares of the channels; by default every trained one. Of a dial that was trained with several widths,
            another one is cut out of the next wider one, its statistics measured on training images.
        attack: pgd-K, cw-K on the margin loss, pgd-KxR from R starts, fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t, fab-t,
            square, autoattack, worst-of-K, grid, or several joined by +.
        data: where the images of the run are now, or others, as in training; by default where they were.
        n: class-balanced test images to use; all by default.
        seed: of the attack's random start.
        device: auto, cpu or cuda.
    """
    measured_with, experiment = parse(attack), trained(run, device, place=data)
    check_supports(measured_with, experiment.method.threat)
    print_notes(experiment.data.notes)
    wanted = positions_of(experiment.method.dial, lams, widths)
    print_foreseen(experiment, measured_with, test_images(experiment, n), wanted)
    points = []
    with counting("measuring", len(wanted)) as bar:
        for point in measure_frontier(experiment, wanted, measured_with, n, seed):
            points.append(point)
            bar.update(bar.task_ids[0], description=point_in_words(point))
            bar.advance(bar.task_ids[0])
    take_pictures(experiment, measured_with, seed)
    console.print(points_table(points, f"{run}: {named(experiment.about['recipe'])} on {experiment.data.name}"))
    print_verdicts(points, len(experiment.data.classes))
    write_page(run)
    return 0
