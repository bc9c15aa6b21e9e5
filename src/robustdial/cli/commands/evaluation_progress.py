"""An evaluation under live bars: one for each stage, then the table, the files and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from robustdial import record
from robustdial.attack import Attack
from robustdial.cli.bars import StageBars, counting
from robustdial.cli.commands.foreseen import print_foreseen_of
from robustdial.cli.points import print_verdicts
from robustdial.cli.scores import corruptions_table, print_checks, print_score, print_union, rows_table
from robustdial.cli.terminal import console
from robustdial.evaluate import Survivors
from robustdial.precision import full_precision
from robustdial.report import render
from robustdial.study.evaluation import (
    EXTRAS,
    Evaluation,
    Extra,
    findings,
    forget_another,
    found_by,
    gap_of,
    known_score,
    parts_of,
    sampled,
    score_of,
    score_of_union,
    take_extremes,
    write_score,
)
from robustdial.typing import Json


def evaluate_with_progress(evaluation: Evaluation, full: Attack | None, extras: Sequence[str] = ()) -> None:
    """Take the subject through its stages under its threat, under each ball of a union, then of all balls together.

    Args:
        evaluation: under the attack, or one with fewer iterations.
        full: the whole attack, where the former is not, to be tried on a sample.
        extras: further parts, names of `EXTRAS`; one that cannot be measured is refused before anything is.
    """
    parts = parts_of(evaluation)
    further = [{name: EXTRAS[name](part.subject) for name in extras} for part in parts]
    for part, more in zip(parts, further, strict=True):
        _evaluate_in(part, full, more)
    found = found_by(parts)
    if len(parts) > 1 and found is not None:
        score = score_of_union(parts, found, evaluation)
        write_score(evaluation, score)
        print_union(score)
        _say_where(evaluation)


def _evaluate_in(evaluation: Evaluation, full: Attack | None, extras: Mapping[str, Extra]) -> None:
    """Take the subject through its stages and write what came out, once every shard is done."""
    (k, m), subject = evaluation.shard, evaluation.subject
    print_foreseen_of(subject.f, evaluation.attack, subject.source, subject.threat, 1 / m)
    forget_another(evaluation)
    survivors = _attacked_with_progress(evaluation)
    if survivors is None:
        console.print(f"part {k} of {m} is done; the last part to finish writes the result.")
        return
    score, known = score_of(evaluation, survivors), known_score(evaluation)
    score |= {extra: known[extra] for extra in EXTRAS if extra in known}
    if full is not None:
        score["gap"] = _gap(evaluation, survivors, full)
    write_score(evaluation, score)  # what follows asks the network for more than the attacks did
    score["checks"] = findings(evaluation, survivors)
    take_extremes(evaluation, survivors)
    write_score(evaluation, score)
    print_score(score)
    print_verdicts([score], len(evaluation.subject.classes))
    print_checks(score["checks"])
    for name, extra in extras.items():
        if name not in score:
            score[name] = _measured(name, extra, evaluation)
            write_score(evaluation, score)
        rows = score[name]
        console.print(corruptions_table(rows) if name == "corruptions" else rows_table(name, rows))
    _say_where(evaluation)


def _say_where(evaluation: Evaluation) -> None:
    folder = evaluation.subject.folder
    console.print(f"written: {folder / record.SCORE}, {render(folder)}", soft_wrap=True)


def _attacked_with_progress(evaluation: Evaluation) -> Survivors | None:
    """What is known of all images after this process's part; None while another part is at work."""
    bars = StageBars([attack.name for attack in evaluation.stages])
    with bars.bar:
        for advance in evaluation.run():
            bars.show(advance)
    return evaluation.whole()


def _measured(name: str, extra: Extra, evaluation: Evaluation) -> list[Json]:
    rows = []
    with counting(name, len(extra)) as bar, full_precision():
        for row in extra.rows(evaluation.seed, evaluation.batch):
            rows.append(row)
            bar.advance(bar.task_ids[0])
    return rows


def _gap(evaluation: Evaluation, survivors: Survivors, full: Attack) -> Json:
    """None where nothing stands: then nothing was missed."""
    sample = sampled(evaluation, survivors, full)
    if sample is None:
        return None
    console.print(f"{full.name} on {len(sample.subject.source)} of the images that {evaluation.attack.name} left:")
    kept = _attacked_with_progress(sample)
    return None if kept is None else gap_of(survivors, kept, full)
