"""A training under a live bar: its cost before, its bar during, how it ended after."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from robustdial import record
from robustdial.cli.bars import training_shown
from robustdial.cli.console import print_cost, print_notes
from robustdial.cli.terminal import console, stoppable
from robustdial.run import Experiment
from robustdial.run.estimate import estimate
from robustdial.run.logs import Log, closing_all, numbers_of
from robustdial.run.training_loop import training_loop


def train_with_progress(experiment: Experiment, logs: Sequence[Log] = ()) -> int:
    """Carry out a run under a live bar; the exit code: 0 when it is finished, 130 when it was stopped and saved.

    Raises FloatingPointError when the training failed.
    """
    print_cost(estimate(experiment), experiment)
    print_notes(experiment.data.notes)
    stopping = False
    with stoppable() as stop, training_shown(experiment) as bar, closing_all(logs):
        for step in training_loop(experiment):
            stopping = experiment.world.any(stop.asked)
            if stopping and not experiment.finished:
                experiment.save()  # before anything is shown: the terminal may be gone
                break
            bar.show(step)
            bar.tell(experiment.troubles)
            epoch = {} if step.summary is None else (record.read_epochs(experiment.folder) or [{}])[-1]
            if epoch.get("epoch") == step.epoch:  # one that was taken back is not there any more
                bar.close(epoch)
                for log in logs:
                    log.write(epoch["epoch"], numbers_of(epoch))
        bar.tell(experiment.troubles)
    if not experiment.finished and not stopping:
        trouble = experiment.troubles[-1]
        kept = f" Its best network, of epoch {experiment.best['epoch']}, is kept." if experiment.best else ""
        raise FloatingPointError(
            f"The training in {experiment.folder} failed in epoch {trouble['epoch']}: {trouble['trouble']}.{kept} "
            "Train again into another --out with --on-trouble rollback, more steps, or a lower --lr."
        )
    if not experiment.finished:
        console.print(f"stopped and saved in epoch {step.epoch}, batch {step.batch} of {step.batches}. Continue with:")
        recipe, folder = (quote(str(word)) for word in (experiment.about["recipe"], experiment.folder))
        console.print(f"  robustdial train {recipe} --resume --out {folder}", soft_wrap=True)
        return 130
    console.print(
        f"trained: {experiment.folder} (best epoch {experiment.best['epoch']}, chosen on the validation part)"
    )
    return 0
