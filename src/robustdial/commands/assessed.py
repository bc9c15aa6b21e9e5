"""An evaluation that is watched: a bar for each stage, then the table, the files and the page."""

from __future__ import annotations

from robustdial import record
from robustdial.assessment import Evaluation, gap_of, sampled, score_of, take_extremes, write_score
from robustdial.attack import Attack
from robustdial.console import StageBars, console, say_score
from robustdial.evaluate import Standing
from robustdial.report import render
from robustdial.typing import Json


def carry_out(evaluation: Evaluation, full: Attack | None) -> None:
    """Take the subject through its stages and write what came out, once every shard is done.

    Args:
        evaluation: under the attack, or one with fewer iterations.
        full: the whole attack, where the former is not, to be tried on a sample.
    """
    standing, (k, m) = _watched(evaluation), evaluation.shard
    if standing is None:
        console.print(f"part {k} of {m} is done; the last part to finish writes the result.")
        return
    score = score_of(evaluation, standing)
    if full is not None:
        score["gap"] = _gap(evaluation, standing, full)
    take_extremes(evaluation, standing)
    write_score(evaluation, score)
    say_score(score)
    folder = evaluation.subject.folder
    console.print(f"written: {folder / record.SCORE}, {render(folder)}", soft_wrap=True)


def _watched(evaluation: Evaluation) -> Standing | None:
    """What is known of all images after this process's part; None while another part is at work."""
    with StageBars([attack.name for attack in evaluation.course]) as bars:
        for advance in evaluation.run():
            bars.show(advance)
    return evaluation.whole()


def _gap(evaluation: Evaluation, standing: Standing, full: Attack) -> Json:
    """None where nothing stands: then nothing was missed."""
    sample = sampled(evaluation, standing, full)
    if sample is None:
        return None
    console.print(f"{full.name} on {len(sample.subject.source)} of the images that {evaluation.attack.name} left:")
    kept = _watched(sample)
    return None if kept is None else gap_of(standing, kept, full)
