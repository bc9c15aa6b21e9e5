"""A run: a recipe on data, in a folder from which it can be continued, measured and served."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robustdial import record
from robustdial.checkpoint import load_weights, pack, unpack
from robustdial.data import Data, Feed, Relabelled, load, unit
from robustdial.dial import Dialed, Fixed, dial
from robustdial.learner import AWP
from robustdial.mask import Unsalient
from robustdial.method import Method, describe
from robustdial.models import build
from robustdial.objective import Distilled, GradAlign, Smoothed
from robustdial.precision import Precision, Prepared, resolve
from robustdial.provenance import provenance
from robustdial.pseudo import guesses
from robustdial.randomness import seeded
from robustdial.rate import parse
from robustdial.recipes import recipe
from robustdial.schedule import Warm
from robustdial.threat import Masked, settled
from robustdial.train import PLAIN, Relief, TrainState, averaged, check_finite, optimizer_for
from robustdial.typing import Json

CHANGEABLE = ("device", "precision", "on_trouble")
"""Settings that may change when a run is resumed."""
_LOOKED_AT, _LEAST = 64, 0.01  # images on which a mask is tried, and the share of their pixels that it must have


@dataclass(frozen=True)
class Run:
    """What every recipe needs besides its own knobs.

    Args:
        data: a name (digits, mnist, cifar10, ...), folder:PATH, parquet:PATH or hf:NAME.
        model: a name (cnn, resnet18, preact_resnet18, wrn34_10, ...) or timm:NAME.
        model_width: channels of the model's first stage; by default its own.
        pretrained: start from published weights (timm models).
        start: start from the network of the run in this folder, of its clean end if it has a dial.
        epochs: passes over the training images.
        batch: images per step.
        lr: learning rate at its highest.
        rate: how the learning rate moves over the training: cosine, cyclic, triangle, multistep, multistep:1/2,4/5 or
            constant.
        momentum: of stochastic gradient descent.
        weight_decay: pull of all weights towards zero.
        ema: decay of a running average of the weights, which is then what is measured and kept, such as 0.999; 0 for
            none.
        awp: adversarial weight perturbation, as a share of each weight's length, such as 0.01; 0 for none.
        label_smoothing: share of the label's probability spread over all classes; 0 for none.
        seed: of weights, order, augmentation and adversaries.
        limit: use only so many training images, class-balanced; the validation part is taken out of them.
        val: share of the training images held out to choose the checkpoint.
        labelled: keep the labels of so many training images, class-balanced; methods of self-training learn from the
            others without theirs, all other methods leave them out.
        unlabelled: a data set whose training images methods of self-training learn from, without labels; folder:PATH
            may hold pictures in any arrangement.
        teacher: folder of the run whose network labels the unlabelled images, or is asked by `distil`; of its clean end
            if it has a dial.
        distil: share of the label that is the teacher's answer, such as 0.5; 0 for none.
        size: side of the images in pixels, for folders and hubs with images of many sizes.
        root: folder of downloaded data sets.
        device: auto, cpu, cuda, cuda:1, ...
        precision: auto takes bfloat16 where the hardware has it; final accuracies are float32 in any case.
        compile: run the network through torch.compile.
        save_every: seconds between checkpoints within an epoch.
        on_trouble: when the training fails (catastrophic or robust overfitting, NaN, collapse, no learning): warn,
            stop, or rollback to the last healthy epoch and go on from there with more passes or a lower learning rate.
        out: folder of the run.
    """

    data: str = "digits"
    model: str = "cnn"
    model_width: int | None = None
    pretrained: bool = False
    start: str | None = None
    epochs: int = 30
    batch: int = 128
    lr: float = 0.1
    rate: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    ema: float = 0.0
    awp: float = 0.0
    label_smoothing: float = 0.0
    seed: int = 0
    limit: int | None = None
    val: float = 0.1
    labelled: int | None = None
    unlabelled: str | None = None
    teacher: str | None = None
    distil: float = 0.0
    size: int | None = None
    root: str = "data"
    device: str = "auto"
    precision: Precision = "auto"
    compile: bool = False
    save_every: float = 60.0
    on_trouble: Literal["warn", "stop", "rollback"] = "warn"
    out: str = "runs/run"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name} {getattr(self, name)} is not positive.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"--seed {self.seed} is out of range. Choose it from 0 to {2**32 - 1}.")
        for name in ("momentum", "ema", "awp", "label_smoothing", "distil"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} is not a share from 0 to below 1."
                )
        if not self.weight_decay >= 0:
            raise ValueError(
                f"--weight-decay {self.weight_decay:g} pushes weights away. Give 0 or a small number, 5e-4."
            )
        if self.start and self.pretrained:
            raise ValueError("--start and --pretrained both name the weights to start from. Give one of them.")
        if self.labelled is not None and self.unlabelled is not None:
            raise ValueError("--labelled and --unlabelled both say which images have no labels. Give one of them.")
        if self.distil and self.teacher is None:
            raise ValueError("--distil learns from a teacher. Name the folder of its run: --teacher runs/standard.")
        if self.distil and self.label_smoothing:
            raise ValueError("--distil and --label-smoothing both soften the labels. Give one of them.")
        parse(self.rate)
        if not 0 < self.val < 1:
            raise ValueError(
                f"--val {self.val:g} is not a share. Hold out a part of the training images to choose the checkpoint, "
                "for example 0.1."
            )


@dataclass
class Experiment:
    """A run that is ready to train, measure or serve.

    Attributes:
        folder: where its files are.
        about: `run.json`.
        run, method, data, state: its parts.
        best: score and epoch of the best network so far.
        troubles: what went wrong so far, as in `troubles.jsonl`.
        checkpoint: which network `state` holds when it was opened for measuring, best or last.
    """

    folder: Path
    about: dict[str, Json]
    run: Run
    method: Method
    data: Data
    state: TrainState
    best: dict[str, Json]
    troubles: list[dict[str, Json]] = field(default_factory=list)
    checkpoint: str = "last"

    @property
    def finished(self) -> bool:
        """Whether every epoch has been trained."""
        return self.state.epoch >= self.run.epochs

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return len(self.feed.order(self.run.batch, 0, 0))

    @property
    def feed(self) -> Feed:
        """What its epochs go through."""
        return Feed(self.data, self.method.unlabelled)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.state.device

    def at(
        self,
        lam: float | None,
        width: float = 1.0,
        *,
        precision: Literal["float32", "bfloat16"] = "float32",
        model: nn.Module | None = None,
    ) -> nn.Module:
        """The network at one position (lambda None where there is no dial), in evaluation mode; by default the one to
        serve.

        Raises ValueError off the dial.
        """
        model = (model or self.state.served).eval()
        self._check_dial(model, lam, width)
        turned = model.at(lam, width) if isinstance(model, Dialed) and lam is not None else model
        return Prepared(turned, precision)

    def baked(self, lam: float | None, width: float = 1.0) -> nn.Module:
        """A copy to ship for one position: a plain network of its original class, in evaluation mode."""
        model = self.state.served.eval()
        self._check_dial(model, lam, width)
        return model.bake(lam, width) if isinstance(model, Dialed) and lam is not None else copy.deepcopy(model)

    def _check_dial(self, model: nn.Module, lam: float | None, width: float) -> None:
        if isinstance(model, Dialed):
            if lam is None:
                raise ValueError(f"The network in {self.folder} has a dial. Say where it stands: lam, from 0 to 1.")
        elif lam is not None or width != 1:
            asked = f"width={width:g}" if lam is None else f"lam={lam:g}"
            raise ValueError(
                f"{asked}: the network in {self.folder} has no dial. Leave it out, or train a method with one."
            )

    def save(self, name: str = record.LAST) -> None:
        """Write the whole state; the checkpoint before it is intact until this one is complete.

        Raises FloatingPointError, and writes nothing, if the loss has ceased to be finite.
        """
        check_finite(self.state)
        tensors, about = pack(self.state)
        record.write_tensors(self.folder / name, tensors, about | {"best": self.best})

    def go_back(self, relief: Relief) -> None:
        """Return to the last healthy state and forget the epochs since, to go on with `relief`.

        The best network is kept. The checkpoint is written first: a run that is killed meanwhile resumes on one side
        or on the other.
        """
        unpack(self.state, *record.read_tensors(self.folder / record.HEALTHY))
        self.state.relief = relief
        self.save()
        record.keep_epochs(self.folder, self.state.epoch)

    def note(self, trouble: dict[str, Json]) -> None:
        """Add to `troubles.jsonl`."""
        self.troubles.append(trouble)
        record.append_line(self.folder / record.TROUBLES, trouble)

    def save_best(self, score: float, val: list[dict[str, Json]]) -> None:
        """Keep the network if no score on the validation part was better; of equals, the later one."""
        if score < self.best.get("score", 0.0):
            return
        self.best = {"score": score, "epoch": self.state.epoch, "val": val}
        weights = {f"model.{name}": value for name, value in self.state.served.state_dict().items()}
        record.write_tensors(self.folder / record.BEST, weights, self.best)


def start(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> Experiment:
    """A new run in `run.out`, on `data` if it is loaded already (`data_of(run)`).

    Raises ValueError before anything is written if an argument is wrong.
    """
    folder = Path(run.out)
    record.check_free(folder)
    experiment = _assemble(folder, name, knobs, run, data)
    settled(experiment.method.threat, torch.zeros(1, *experiment.data.shape))  # what it opens is there, and fits
    labels = _guesses(experiment)
    _ask(experiment)
    record.create(folder, record.RUN, experiment.about)
    _teach(experiment, labels)
    return experiment


def rehearse(name: str, knobs: Mapping[str, Any], run: Run, data: Data | None = None) -> None:
    """Put a run together and drop it. Raises ValueError if its data, network or device cannot be had."""
    _assemble(Path(run.out), name, knobs, run, data)


def resume(folder: Path, changes: Mapping[str, Any] | None = None, data: Data | None = None) -> Experiment:
    """The run in `folder`, where its last checkpoint left it.

    Args:
        folder: of the run.
        changes: what to go on with instead, of `CHANGEABLE`; the end may then no longer be the same to the bit.
        data: the run's data, if it is loaded already.

    Raises:
        ValueError: a damaged checkpoint, or data that has changed since.
    """
    about = record.read_run(folder)
    saved = record.read_tensors(folder / record.LAST) if (folder / record.LAST).exists() else None
    run = replace(_run_of(about), **(changes or {}))
    experiment = _assemble(folder, about["recipe"], about["knobs"], run, data, fresh=saved is None)
    if experiment.about["data"] != about["data"]:
        raise ValueError(
            f"The data {run.data} has changed since the run in {folder} began. Put it back, or start a new run."
        )
    experiment.about = about | {"run": about["run"] | {k: experiment.about["run"][k] for k in CHANGEABLE}}
    _teach(experiment, _guesses(experiment))
    _ask(experiment)
    if saved is not None:
        tensors, state = saved
        unpack(experiment.state, tensors, state)
        experiment.best = state["best"]
    record.keep_epochs(folder, experiment.state.epoch)
    experiment.troubles = record.mend_lines(folder / record.TROUBLES)
    if changes:
        record.write_json(folder / record.RUN, experiment.about)
    return experiment


def trained(folder: Path, device: str = "auto", data: Data | None = None) -> Experiment:
    """The run in `folder` with its best network, for measuring and serving."""
    about = record.read_run(folder)
    checkpoint, tensors = _best_weights(folder)
    run = replace(_run_of(about), device=device)
    experiment = _assemble(folder, about["recipe"], about["knobs"], run, data, fresh=False)
    experiment.about, experiment.checkpoint = about, checkpoint
    load_weights(experiment.state.model, tensors)
    experiment.state.average = None  # what was kept is the average already
    return experiment


def open_model(folder: str | Path, device: str = "cpu") -> nn.Module:
    """The best network of a run folder, in evaluation mode: `open_model("runs/x").at(0.4)` is a plain `f(x)`.

    The data is not needed; what the network must know of it stands in `run.json`.
    """
    about = record.read_run(Path(folder))
    _, tensors = _best_weights(Path(folder))
    model = untrained(about)
    load_weights(model, tensors)
    return model.to(device).eval()


def untrained(about: Mapping[str, Json]) -> nn.Module:
    """The network that a `run.json` describes, with fresh weights."""
    return _model(about["model"] | {"pretrained": False}, about["data"], recipe(about["recipe"])(**about["knobs"]))


def _best_weights(folder: Path) -> tuple[str, dict[str, Tensor]]:
    """Name and tensors of the best checkpoint; of the last one before any epoch was finished."""
    path = folder / record.BEST
    path = path if path.exists() else folder / record.LAST
    tensors, _ = record.read_tensors(path)
    return path.stem, tensors


def _run_of(about: Mapping[str, Json]) -> Run:
    known = {field.name for field in fields(Run)}
    return Run(**{name: value for name, value in about["run"].items() if name in known})


def data_of(run: Run) -> Data:
    """The data set of a run, divided as its seed divides it."""
    return load(
        run.data,
        root=run.root,
        limit=run.limit,
        val=run.val,
        seed=run.seed,
        size=run.size,
        labelled=run.labelled,
        unlabelled=run.unlabelled,
    )


def _guesses(experiment: Experiment) -> Tensor | None:
    """The pseudo-labels of a run that learns from them: those it was begun with, or else its teacher's."""
    path, data, run = experiment.folder / record.PSEUDO, experiment.data, experiment.run
    if data.unlabelled is None or run.teacher is None:
        return None
    if path.exists():
        return record.read_tensors(path)[0]["labels"]
    with seeded(0, experiment.device):  # building the teacher draws random numbers, which are not the run's
        return guesses(data, _to_be_asked(run.teacher, experiment.device))


def _ask(experiment: Experiment) -> None:
    """Have the teacher ready to be asked while training; `run.json` tells it from others by its weights.

    Raises ValueError if it is another one than the run was begun with.
    """
    run, about = experiment.run, experiment.about
    if not run.distil:
        return
    with seeded(0, experiment.device):
        teacher = _to_be_asked(str(run.teacher), experiment.device)
    weights = record.fingerprint(teacher.state_dict())
    if about.setdefault("teacher", weights) != weights:
        raise ValueError(
            f"--teacher {run.teacher} has changed since the run in {experiment.folder} began. Put it back, or start "
            "a new run."
        )
    experiment.state.teacher = Prepared(teacher, about["run"]["precision"])


def _to_be_asked(folder: str | Path, device: torch.device) -> nn.Module:
    """The network of a run, at its clean end if it has a dial, in evaluation mode; it is not trained."""
    return _plain(open_model(folder, str(device))).eval().requires_grad_(False)


def _plain(found: nn.Module) -> nn.Module:
    """A network, at its clean end if it has a dial."""
    return found.bake(found.dials.lambdas[0], found.dials.widths[-1]) if isinstance(found, Dialed) else found


def _teach(experiment: Experiment, labels: Tensor | None) -> None:
    """Give the unlabelled images their pseudo-labels, and keep these in the folder: a teacher may change, or go."""
    data, path = experiment.data, experiment.folder / record.PSEUDO
    if labels is None or data.unlabelled is None:
        return
    experiment.data = replace(data, unlabelled=Relabelled(data.unlabelled, labels))
    if not path.exists():
        counts = labels.bincount(minlength=len(data.classes)).tolist()
        about = {"teacher": experiment.run.teacher, "images": dict(zip(data.classes, counts, strict=True))}
        record.write_tensors(path, {"labels": labels}, about)


def _assemble(
    folder: Path, name: str, knobs: Mapping[str, Any], run: Run, data: Data | None, *, fresh: bool = True
) -> Experiment:
    method = recipe(name)(**knobs)
    if run.compile and isinstance(method.objective, GradAlign):
        raise ValueError("Gradient alignment needs second derivatives, which torch.compile lacks. Drop --compile.")
    if run.label_smoothing:
        method = replace(method, objective=Smoothed(method.objective, run.label_smoothing))
    if run.distil:
        method = replace(method, objective=Distilled(method.objective, run.distil))
    device = device_of(run.device)
    precision = resolve(run.precision, device)
    data = _learned_from(name, method, run, data or data_of(run))
    seen = _seen(data)
    method = _masked(method, data, device, fresh=fresh)
    if run.start and fresh:
        _check_start(Path(run.start), run)
    if run.teacher and fresh and (data.unlabelled is not None or run.distil):
        _check_teacher(Path(run.teacher), run, data)
    if isinstance(method.schedule, Warm) and run.epochs == 1:
        raise ValueError("One epoch is all warm part: no adversary would come. Give --epochs 2 or more, or --warm 0.")
    torch.manual_seed(run.seed)
    # a network that a checkpoint will fill needs no weights to start from, nor what holds them
    spec = {"name": run.model, "width": run.model_width, "pretrained": run.pretrained and fresh}
    spec |= {"start": run.start if fresh else None}
    model = _model(spec, seen, method).to(device)
    state = TrainState(
        model=model,
        optimizer=optimizer_for(model, run.lr, run.momentum, run.weight_decay),
        rate=parse(run.rate),
        lr=run.lr,
        seed=run.seed,
        forward=Prepared(model, precision, run.compile),
        average=averaged(model, run.ema) if run.ema else None,
        learner=AWP(run.awp) if run.awp else PLAIN,
    )
    about = {
        "name": folder.name,
        "recipe": name,
        "knobs": dict(knobs),
        "method": describe(method),
        "threat": method.threat.name,
        "data": seen,
        "model": {
            "name": run.model,
            "width": run.model_width,
            "pretrained": run.pretrained,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
        "run": asdict(run) | {"precision": precision, "device": str(device)},
        **provenance(),
    }
    return Experiment(folder, about, run, method, data.to(device), state, best={})


def _model(spec: Mapping[str, Json], data: Mapping[str, Json], method: Method) -> nn.Module:
    plain = build(
        spec["name"],
        classes=len(data["classes"]),
        shape=tuple(data["shape"]),
        mean=data["mean"],
        std=data["std"],
        width=spec["width"],
        pretrained=spec["pretrained"],
    )
    if spec.get("start"):
        _begin(plain, Path(spec["start"]))
    if isinstance(method.dial, Fixed):
        return plain
    return dial(plain, method.dial, example=torch.zeros(2, *data["shape"]))


def _learned_from(name: str, method: Method, run: Run, data: Data) -> Data:
    """The data without what a method does not look at. Raises ValueError if there is not what it needs."""
    if not method.unlabelled:
        return replace(data, unlabelled=None)
    if data.unlabelled is None:
        raise ValueError(
            f"{name} learns from unlabelled images too. Say which: --labelled 4000 keeps so many labels and takes the "
            "other training images without theirs, --unlabelled folder:PATH reads others."
        )
    if run.teacher is None:
        raise ValueError(
            f"{name} needs a teacher for its unlabelled images. Train one with: robustdial train clean (and the same "
            "--data, --labelled, --seed), and give its folder as --teacher."
        )
    return data


_SPLIT = ("data", "limit", "labelled", "val", "size", "seed")
"""What decides which images are learned from, and with which labels."""


def _check_start(folder: Path, run: Run) -> None:
    """Raises ValueError if the run to start from may have learned from what is held out here."""
    if theirs := _split_otherwise(_run_of(record.read_run(folder)), run):
        raise ValueError(
            f"--start {folder}: that run was made with {theirs}, so it may have learned from images that are held out "
            "here. Give the same data, limit, labelled, val, size and seed."
        )


def _check_teacher(folder: Path, run: Run, data: Data) -> None:
    """Raises ValueError if the teacher has other classes or images, or has learned from labels that are hidden here."""
    about = record.read_run(folder)
    if about["data"]["classes"] != list(data.classes) or about["data"]["shape"] != list(data.shape):
        theirs = f"{len(about['data']['classes'])} classes of {about['data']['name']}, images {about['data']['shape']}"
        raise ValueError(
            f"--teacher {folder}: that run knows {theirs}; here they are {len(data.classes)} classes of {data.name}, "
            f"images {list(data.shape)}. Give a run with the same classes and shape."
        )
    other = _run_of(about)
    if other.data == run.data and (theirs := _split_otherwise(other, run)):
        raise ValueError(
            f"--teacher {folder}: that run was made with {theirs}, so it may have learned from labels that are hidden "
            "here. Give the same limit, labelled, val, size and seed."
        )


def _split_otherwise(other: Run, run: Run) -> str:
    """How another run divides its data where it does so otherwise, in words; empty if it does not."""
    return ", ".join(f"{n} {getattr(other, n)}" for n in _SPLIT if getattr(other, n) != getattr(run, n))


def _begin(net: nn.Module, folder: Path) -> None:
    """Give `net` the weights of the network of a run. Raises ValueError if it is another network."""
    plain = _plain(open_model(folder))
    try:
        load_weights(net, {f"model.{name}": value for name, value in plain.state_dict().items()})
    except ValueError as error:
        raise ValueError(
            f"--start {folder}: that run has another network ({str(error).partition(': ')[2].partition('.')[0]}...). "
            "Give --model, --model-width and --data as there."
        ) from None


def _masked(method: Method, data: Data, device: torch.device, *, fresh: bool) -> Method:
    """The method, with the network that its mask asks.

    Raises:
        ValueError: that network takes other images; on a fresh run, the mask leaves the adversary no pixel.
        FileNotFoundError: there is no run of it.
    """
    threat = method.threat
    if not isinstance(threat, Masked):
        return method
    if isinstance(threat.mask, Unsalient):
        network = _guide(Path(threat.mask.guide), data, device)
        threat = replace(threat, mask=replace(threat.mask, network=network))
    if fresh:
        x, _ = next(data.train.batches([torch.arange(min(_LOOKED_AT, len(data.train)))]))
        covered = float(threat.mask(unit(x).to(device)).mean())
        if covered < _LEAST:
            raise ValueError(
                f"{threat.name} leaves the adversary {100 * covered:.2g} % of the pixels of {data.name}: there is no "
                "such background. Choose --mask border, or give dark a --threshold."
            )
    return replace(method, threat=threat)


def _guide(folder: Path, data: Data, device: torch.device) -> nn.Module:
    """The network of a run that makes masks, without a dial."""
    try:
        shape = tuple(record.read_run(folder)["data"]["shape"])
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The network that makes the masks: {error}") from None
    if shape != tuple(data.shape):
        raise ValueError(f"guide {folder}: that run saw images of {shape}, these are {data.shape}. Name another one.")
    return _to_be_asked(folder, device)


def _seen(data: Data) -> dict[str, Json]:
    return {
        "name": data.name,
        "classes": list(data.classes),
        "shape": list(data.shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "train": len(data.train),
        "val": len(data.val),
        "test": len(data.test),
        "notes": list(data.notes),
        **({} if data.unlabelled is None else {"unlabelled": len(data.unlabelled)}),
    }


def device_of(name: str) -> torch.device:
    """A device by its name; auto takes the accelerator where there is one. Raises ValueError if it cannot be had."""
    if name == "auto":
        card = f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"  # of several processes
        return torch.device(card if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"--device {name} is not supported. Write auto, cpu, cuda or cuda:0.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices here. Write --device auto."
        )
    return device
