"""`robustdial evaluate`."""

from __future__ import annotations

from pathlib import Path

from robustdial import record
from robustdial.attack import parse
from robustdial.console import console, counting, points_table
from robustdial.measuring import add_score, lambdas_of, measure_point
from robustdial.run import trained


def evaluate(
    run: Path,
    /,
    lam: float | None = None,
    width: float = 1.0,
    attack: str = "pgd-20",
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> int:
    """Measure a run at one lambda: robustdial evaluate runs/x --lam 0.4 --attack pgd-20 --n 1000

    The run's best network, on test images, in float32; the result is added to score.json.

    Args:
        run: folder of the run.
        lam: position of the dial; every trained one by default.
        width: share of the channels.
        attack: pgd-K, cw-K on the margin loss, apgd-ce, apgd-dlr, apgd-t, fab-t, square or autoattack.
        n: class-balanced test images to use; all by default.
        seed: of the attack's random start.
        device: auto, cpu or cuda.
    """
    measured_with, experiment = parse(attack), trained(run, device)
    lams = (lam,) if lam is not None else lambdas_of(experiment.method.dial)
    points = []
    with counting("measuring", len(lams)) as bar:
        for one in lams:
            points.append(measure_point(experiment, one, measured_with, n, seed, width=width))
            add_score(experiment, points[-1])
            bar.advance(bar.task_ids[0])
    console.print(points_table(points, str(run)))
    console.print(f"written: {run / record.SCORE}", soft_wrap=True)
    return 0
