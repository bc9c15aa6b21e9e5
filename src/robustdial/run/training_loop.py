"""Carrying out a run: train, validate, choose, save. The loop yields every batch; showing it is the caller's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from robustdial import record
from robustdial.attack import PGDAttack
from robustdial.data import Source, balanced, unit
from robustdial.dial import reestimated
from robustdial.distributed import Shard, World, gathered
from robustdial.evaluate import Accuracy, clean_accuracy, measure
from robustdial.method.solver import PGD, Noisy, Solver
from robustdial.precision import Prepared
from robustdial.randomness import seeded
from robustdial.run import Experiment, untrained
from robustdial.training.engine import Step, steps
from robustdial.training.health import RETURNS, Signals, Trouble, diagnose, look, probe_size, recovered
from robustdial.typing import Classifier, Json

VALIDATION = 512
"""Images of the validation part that are used: enough to rank checkpoints, few enough to cost little."""

ATTACK = PGDAttack(10)


def training_loop(experiment: Experiment) -> Iterator[Step]:
    """Train to the end, yielding every batch.

    Each epoch is validated, looked at for trouble, and written; the state is saved at every epoch and every
    `save_every` seconds. After any yield the caller may save and stop. With `on_trouble="stop"` the training ends where
    it fails; with "rollback" it goes on from its last healthy epoch. `experiment.troubles` tells what happened.

    Raises:
        FloatingPointError: the loss is not finite, and the run is not to be rolled back.
        ValueError: the run is to be rolled back, but has failed before a healthy state of it was kept.
    """
    if _keeps_healthy(experiment):
        _keep_first(experiment)
    going = True
    while going and not experiment.finished:
        for step, failure in _epochs(experiment):
            # the consequences come before the yield: a caller that stops here must find them done
            going = failure is None or _taken_back(experiment, failure)
            if step is not None:
                yield step
            if failure is not None:
                break


class _Failure(NamedTuple):
    trouble: Trouble
    epoch: int


def _epochs(experiment: Experiment) -> Iterator[tuple[Step | None, _Failure | None]]:
    """Train until the end or the first failure that the user does not want to live with."""
    run, state, saved = experiment.run, experiment.state, time.monotonic()
    try:
        for step in steps(state, experiment.data, experiment.method, epochs=run.epochs, batch=run.batch):
            trouble = None if step.summary is None else close_epoch(experiment, step.summary)
            if trouble is not None and _acts_on(experiment, trouble):
                yield step, _Failure(trouble, state.epoch)
                return
            due = time.monotonic() - saved > run.save_every
            if step.summary is not None or experiment.world.any(due):
                experiment.save()
                saved = time.monotonic()
            yield step, None
    except FloatingPointError as error:
        failure = _Failure(Trouble.NOT_FINITE, _epoch_at_hand(experiment))
        if run.on_trouble != "rollback":
            experiment.note(failure._asdict() | {"action": "stopped"})
            raise FloatingPointError(
                f"The training in {experiment.folder} diverged in epoch {failure.epoch}: {error} Train again into "
                "another --out with a lower --lr, or with --on-trouble rollback."
            ) from error
        yield None, failure


def _epoch_at_hand(experiment: Experiment) -> int:
    """Number of the epoch that was being trained, or validated, last."""
    return experiment.state.epoch + (experiment.state.batch > 0)


def _keeps_healthy(experiment: Experiment) -> bool:
    """Whether healthy states are kept, to go back to."""
    several = len(experiment.method.dial.lambdas) > 1
    return experiment.run.on_trouble == "rollback" or (experiment.run.on_trouble == "auto" and several)


def _acts_on(experiment: Experiment, trouble: Trouble) -> bool:
    """Whether something follows from a trouble that was seen, or it is only told."""
    if experiment.run.on_trouble != "auto":
        return experiment.run.on_trouble != "warn"
    if trouble is not Trouble.FALLEN or experiment.state.recovery.returns == RETURNS:
        return False
    return bool(experiment.world.once(lambda: (experiment.folder / record.HEALTHY).exists()))


def _keep_first(experiment: Experiment) -> None:
    """Keep a state to go back to, if there is none."""
    if experiment.world.once(lambda: _lacks_healthy(experiment)):
        experiment.save(record.HEALTHY)


def _lacks_healthy(experiment: Experiment) -> bool:
    """Whether a state to go back to is still to be kept. Raises ValueError where it must be, and it is too late."""
    folder = experiment.folder
    if (folder / record.HEALTHY).exists():
        return False
    trouble = (record.read_epochs(folder) or [{}])[-1].get("trouble")
    if trouble and experiment.run.on_trouble == "auto":
        return False
    if trouble:
        raise ValueError(
            f"The run in {folder} has failed already ({trouble}), and no healthy state of it was kept. "
            "Train again into a new --out with --on-trouble rollback."
        )
    return True


def close_epoch(experiment: Experiment, summary: dict[str, Json]) -> Trouble | None:
    """Validate and write an epoch; what is wrong with it."""
    with gathered(experiment.state.model, experiment.state.served):  # each measures its part of the images
        val, seen, looks = validate(experiment), signals(experiment), along(experiment)
    attacked = experiment.method.schedule.most > 1 or not isinstance(experiment.method.solver, PGD)
    score = score_of(val, float(attacked))
    summary = _as_learned(summary, experiment.method.solver)
    epoch = summary | {"val": val, "score": score, "health": seen._asdict(), "along": looks}
    found = experiment.world.once(lambda: _written(experiment, epoch))
    trouble = Trouble(found["trouble"]) if found["trouble"] else None
    experiment.save_best(epoch["score"], val)
    if trouble is None and found["sound"] and _keeps_healthy(experiment):
        experiment.save(record.HEALTHY)
    if trouble is not None and found["new"] and not _acts_on(experiment, trouble):
        experiment.note({"epoch": summary["epoch"], "trouble": trouble, "action": "going on"})
    return trouble


def _as_learned(summary: dict[str, Json], solver: Solver) -> dict[str, Json]:
    """An epoch whose images were left as they are by name: with one pass there is no step to move them, where no noise
    moves them either."""
    still = isinstance(solver, Noisy) or (isinstance(solver, PGD) and not solver.noise)
    told = [summary[side] for side in ("clean", "adv") if summary.get(side) is not None]
    if summary["passes"] > 1 or not still or not told:
        return summary
    return summary | {"clean": told[0], "adv": None}


def _written(experiment: Experiment, epoch: dict[str, Json]) -> dict[str, Json]:
    """Diagnose an epoch and write it; its trouble, whether that is news, and whether one may come back to it."""
    before = record.read_training(experiment.folder)
    epochs, begun = [*before, epoch], experiment.run.start is not None
    trouble = diagnose(epochs, len(experiment.data.classes), begun=begun, ended=experiment.finished)
    record.append_epoch(experiment.folder, epoch | {"trouble": trouble})
    # a network that has lost a fifth of its best score may be failing already: nothing to go back to
    sound = epoch["score"] >= 0.8 * max((e["score"] for e in before), default=0.0) and _whole(epochs)
    return {"trouble": trouble, "new": trouble != (before or [{}])[-1].get("trouble"), "sound": sound}


def _whole(epochs: list[dict[str, Json]]) -> bool:
    """Whether every position of the dial is nearly as good as it was: a part that has lost a quarter may be falling."""
    looks = [point for epoch in epochs for point in epoch.get("along") or []]
    return all(
        point["clean"] >= 0.75 * max(known["clean"] for known in looks if known["lam"] == point["lam"])
        for point in epochs[-1]["along"]
    )


def _taken_back(experiment: Experiment, failure: _Failure) -> bool:
    """Note a failure, and go back to the last healthy state if that is wanted and can still help."""
    state, note = experiment.state, failure._asdict()
    if experiment.run.on_trouble == "stop" or state.recovery.returns == RETURNS:
        why = "" if experiment.run.on_trouble == "stop" else f": went back {RETURNS} times already"
        experiment.note(note | {"action": f"stopped{why}"})
        if failure.trouble is not Trouble.NOT_FINITE:
            experiment.save()
        return False
    recovery = recovered(state.recovery, failure.trouble)
    found = experiment.world.once(lambda: _lost(experiment))
    epoch, lost = found["epoch"], found["lost"]
    means = [f"{recovery.passes} more pass{'es' * (recovery.passes > 1)} per batch"] * bool(recovery.passes)
    means += [f"steps {recovery.step_scale:g} as long"] * (recovery.step_scale < 1)
    means += [f"{recovery.lr:g} of the learning rate"] * (recovery.lr < 1)
    experiment.note(note | lost | {"action": f"back to the end of epoch {epoch}, with {', '.join(means)}"})
    experiment.go_back(recovery)
    return True


def _lost(experiment: Experiment) -> dict[str, Json]:
    """The epoch of the last healthy state, and what those since have cost: seconds, and passes per image."""
    _, healthy = record.read_tensors(experiment.folder / record.HEALTHY)
    epochs, running = record.read_training(experiment.folder)[healthy["epoch"] :], experiment.state.sums
    seconds = sum(epoch["seconds"] for epoch in epochs) + float(running.get("seconds", 0.0))
    spent = sum(epoch["spent"] for epoch in epochs) + float(running.get("spent", 0)) / experiment.feed.images
    return {"epoch": healthy["epoch"], "lost": {"seconds_lost": seconds, "spent_lost": spent}}


def signals(experiment: Experiment) -> Signals:
    """What is seen of the network that learns on a few held-out images, at the robust end of its dial.

    Training is not disturbed: the random numbers are put back.
    """
    val = experiment.data.val
    chosen = balanced(val.labels, probe_size(len(experiment.data.train)), torch.Generator().manual_seed(1))
    with seeded(experiment.run.seed, experiment.state.device):
        # the network that learns, not its average: an average is late to fail, and late to learn
        precision = experiment.about["run"]["precision"]
        f = experiment.at(ends(experiment)[-1], precision=precision, model=experiment.state.model)
        place = Shard(len(chosen), experiment.world.rank, experiment.world.size)
        x, y = next(val.batches([chosen[place.own]]))
        return look(f, unit(x), y, experiment.method.threat, experiment.world, place)


def along(experiment: Experiment) -> list[dict[str, Json]]:
    """Clean accuracy of the network that learns at every trained position of its dial, on held-out images.

    The ends alone would not tell that a part between them has collapsed, nor the robust end's few images how far. The
    statistics of batch norms are those of these images: the running ones lag behind weights that learn fast, and a
    position that has learned well would look lost for some epochs.
    Nothing where there is one position. Each process looks at its part of the images. Training is not disturbed.
    """
    lams, source = experiment.method.dial.lambdas, _held_out(experiment)
    if len(lams) == 1:
        return []
    precision = experiment.about["run"]["precision"]
    several = _in_parts(len(source), min(len(experiment.data.val), VALIDATION) // experiment.world.size)
    results: list[dict[str, Json]] = []
    with seeded(experiment.run.seed, experiment.state.device):
        model = _whole_copy(experiment)
        for lam in lams:
            net = experiment.baked(lam, model=model)
            net = reestimated(net, (unit(x) for x, _ in source.batches(several))) if several else net
            (clean,) = _in_all(experiment.world, partial(_clean, Prepared(net, precision), source))
            results.append({"lam": lam, "clean": clean.value, "n": clean.n})
    return results


def _in_parts(images: int, fewest: int) -> list[torch.Tensor]:
    """Images in parts of at most some 128, as many in each process, for batch norms may meet; none for one image.

    >>> [len(part) for part in _in_parts(130, 129)], [len(part) for part in _in_parts(129, 129)]
    ([65, 65], [65, 64])
    """
    return [*torch.arange(images).tensor_split(-(-fewest // 128))] if fewest > 1 else []


def _whole_copy(experiment: Experiment) -> nn.Module:
    """The network that learns; a whole one with its weights where these are divided, for that one cannot be copied.

    To be called while the weights are gathered.
    """
    model = experiment.state.model
    if not experiment.world.divides:
        return model
    made = untrained(experiment.about)
    found = made.load_state_dict(dict(model.named_parameters()) | dict(model.named_buffers()), strict=False)
    assert not {*found.missing_keys} & dict(made.named_parameters()).keys(), "weights without a place in the copy"
    return made.to(experiment.device)


def validate(experiment: Experiment) -> list[dict[str, Json]]:
    """Accuracies on the held-out part at both ends of the dial, in the precision of the training.

    Each process looks at its part of the images. Training is not disturbed: the random numbers are put back.
    """
    source, world = _held_out(experiment), experiment.world
    precision = experiment.about["run"]["precision"]
    results: list[dict[str, Json]] = []
    with seeded(experiment.run.seed, experiment.state.device):
        for lam in ends(experiment):
            f = experiment.at(lam, precision=precision)
            if lam == 0:  # nobody serves lambda = 0 for its robustness
                (clean,) = _in_all(world, partial(_clean, f, source))
                results.append({"lam": lam, "clean": clean.value, "robust": None, "n": clean.n})
                continue
            clean, robust = _in_all(world, partial(measure, f, source, ATTACK, experiment.method.threat))
            results.append({"lam": lam, "clean": clean.value, "robust": robust.value, "n": clean.n})
    return results


def _held_out(experiment: Experiment) -> Source:
    """This process's part of the validation images that are used."""
    val, world = experiment.data.val, experiment.world
    chosen = balanced(val.labels, VALIDATION, torch.Generator().manual_seed(0))
    return val.subset(chosen[Shard(len(chosen), world.rank, world.size).own])


def _clean(f: Classifier, source: Source) -> tuple[Accuracy]:
    return (clean_accuracy(f, source),)


def _in_all(world: World, count: Callable[[], Sequence[Accuracy]]) -> list[Accuracy]:
    """What is counted in all processes. Raises FloatingPointError in each if it is raised in one."""
    failure, found = None, []
    try:
        found = [*count()]
    except FloatingPointError as error:
        failure = error
    if world.any(failure is not None):
        raise failure or FloatingPointError("The network's answers are not finite in another process.")
    return [Accuracy(*(int(n) for n in world.sum(torch.tensor(one)))) for one in found]


def ends(experiment: Experiment) -> tuple[float | None, ...]:
    """The ends of the dial; (None,) where there is none."""
    dial = experiment.method.dial
    return tuple(dict.fromkeys((dial.lambdas[0], dial.lambdas[-1])))


def score_of(val: list[dict[str, Json]], fixed: float = 1.0) -> float:
    """What the best checkpoint is best at: (1 - lambda) clean + lambda robust, averaged over the ends of the dial.

    Without a dial lambda is `fixed`: 1, or 0 where no adversary is trained with.

    >>> score_of([{"lam": 0.0, "clean": 0.9, "robust": None}, {"lam": 1.0, "clean": 0.8, "robust": 0.5}])
    0.7
    """
    worth = []
    for point in val:
        lam = fixed if point["lam"] is None else point["lam"]
        worth.append((1 - lam) * point["clean"] + lam * (point["robust"] or 0.0))
    return float(sum(worth) / len(worth))
