"""What every recipe needs besides its own knobs."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import torch

from robustdial import record
from robustdial.data import Data, absolute, check_augment, class_names, is_there, load, mixing_of
from robustdial.own_code import digest_of, is_place, lost
from robustdial.precision import Precision
from robustdial.recipes import RECIPES, UNTRAINED, recipe
from robustdial.recipes.composed import COMPOSED
from robustdial.training.growth import parse_growth
from robustdial.training.optimizer import check_optimizer
from robustdial.training.rate import parse
from robustdial.training.sides import Sides, parse_sides
from robustdial.typing import Json

CHANGEABLE = ("device", "precision", "on_trouble", "workers")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Run:
    """What every recipe needs besides its own knobs.

    Args:
        data: a name (shapes, digits, mnist, cifar10, ...), folder:PATH, csv:PATH, parquet:PATH,
            wds:PATTERN, npz:PATH or hf:NAME.
        model: a name (cnn, resnet18, preact_resnet18, wrn34_10, ...), timm:NAME, or file.py:build of your own.
        model_width: channels of the model's first stage; by default its own.
        pretrained: start from published weights (timm models).
        start: start from the network of the run in this folder, of its clean end if it has a dial; or from a file of
            safetensors, the `state_dict` of the same network.
        epochs: passes over the training images.
        batch: images per step, of all processes together.
        lr: learning rate at its highest.
        rate: how the learning rate moves over the training: triangle, cosine, cyclic, multistep, multistep:1/2,4/5 or
            constant. A dial that starts from a trained network wants one that begins low.
        warmup: epochs over which the learning rate rises from 0 to what --rate says.
        eps_schedule: how the radius of the adversary grows: linear:0.3 lets it begin at 0 and reach --eps after 0.3 of
            the training, and steps of constant size with it; by default it is whole from the beginning.
        optimizer: sgd, adamw or another one of torch.optim in small letters; with timm installed, its own too.
        momentum: of stochastic gradient descent, and of other optimizers that have one.
        weight_decay: pull of all weights towards zero.
        layer_decay: factor on the learning rate of a layer for each layer between it and the head, such as 0.75; 1 for
            none. The network must name its layers, as those of timm do.
        clip: shorten the gradient of an update to this length; 0 for never.
        accumulate: parts in which each batch is played, one after the other, for one update: less memory.
        sync_norm: on several processes, batch norms take the statistics of all rows of a batch, not of their own.
        shard_weights: on several processes, divide weights, gradients and optimizer among them (FSDP2), for networks
            that do not fit on a device.
        ema: decay of a running average of the weights, which is then what is measured and kept, such as 0.999; 0 for
            none.
        awp: adversarial weight perturbation, as a share of each weight's length, such as 0.01; 0 for none.
        label_smoothing: share of the label's probability spread over all classes; 0 for none.
        augment: randaugment, trivialaugment, autoaugment or augmix (of torchvision), after the crops and flips that are
            customary for the data; or a function of yours in place of these, file.py:function, from images
            [B, C, H, W], uint8 or in [0, 1], to images of the same kind.
        mixup: mix each image with another of its batch, and the labels alike, in a share from Beta(A, A), such as 0.2;
            0 for no mixing.
        cutmix: cut a piece of another image of the batch into each, and mix the labels by the area, drawn from
            Beta(A, A), such as 1; 0 for none. With mixup too, each batch takes one of the two.
        seed: of weights, order, augmentation and adversaries.
        limit: use only so many training images, class-balanced; the validation part is taken out of them.
        val: share of the training images held out to choose the checkpoint; a validation part that comes with the data
            is used in its place.
        labelled: keep the labels of so many training images, class-balanced; methods of self-training learn from the
            others without theirs, all other methods leave them out.
        unlabelled: a data set whose training images methods of self-training learn from, without labels; folder:PATH
            may hold pictures in any arrangement.
        extra: a data set whose labelled training images, such as generated ones, are a share of every batch; an epoch
            is as long as without them. Large sets are read from where they lie.
        extra_share: share of every batch, or of its labelled part, that is extra images, such as 0.7.
        teacher: folder of the run whose network labels the unlabelled images, or is asked by `distil` or the recipe; of
            its clean end if it has a dial. Or any network of the same classes: timm:NAME, or file.py:build of your own.
        teacher_weights: safetensors of such a teacher, the names those of its `state_dict`.
        distil: share of the label that is the teacher's answer, such as 0.5; 0 for none.
        size: side of the images in pixels, for folders and hubs with images of many sizes; 112:0.6,224 trains on 112
            pixels until 0.6 of the training, and on 224 from then on.
        label: column of the labels, of parquet, csv or hf data with several that might be; file or key of wds data.
        image: column of the images, of parquet, csv or hf data with several that might be; ending of wds data.
        background: colour that shows through transparent pixels: white, black, #808080.
        classes: class names in the order of the labels, where that of the data's own is not meant, as for a network
            that was trained elsewhere: cat,dog,owl, or a file with a name on each line, or JSON {"cat": 0, "dog": 1}.
        root: folder of downloaded data sets.
        workers: processes that decode images of files whenever they are needed; 0 decodes all into memory first; by
            default parts of 2 GiB or more are not kept in memory.
        device: auto, cpu, cuda, cuda:1, ...
        precision: auto takes bfloat16 where the hardware has it; final accuracies are float32 in any case.
        compile: run the network through torch.compile.
        save_every: seconds between checkpoints within an epoch.
        on_trouble: when the training fails (catastrophic or robust overfitting, NaN, collapse, no learning): warn,
            stop, or rollback to the last healthy epoch and go on from there with more passes or a lower learning rate;
            auto rolls back where a part of a dial collapses, and warns of everything else.
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
    rate: str = "triangle"
    warmup: float = 0.0
    eps_schedule: str | None = None
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    layer_decay: float = 1.0
    clip: float = 0.0
    accumulate: int = 1
    sync_norm: bool = False
    shard_weights: bool = False
    ema: float = 0.0
    awp: float = 0.0
    label_smoothing: float = 0.0
    augment: str | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    seed: int = 0
    limit: int | None = None
    val: float = 0.1
    labelled: int | None = None
    unlabelled: str | None = None
    extra: str | None = None
    extra_share: float = 0.7
    teacher: str | None = None
    teacher_weights: str | None = None
    distil: float = 0.0
    size: int | str | None = None
    label: str | None = None
    image: str | None = None
    background: str = "white"
    classes: str | None = None
    root: str = "data"
    workers: int | None = None
    device: str = "auto"
    precision: Precision = "auto"
    compile: bool = False
    save_every: float = 60.0
    on_trouble: Literal["auto", "warn", "stop", "rollback"] = "auto"
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
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"--layer-decay {self.layer_decay:g} is no factor. Give one such as 0.75, or 1 for none.")
        if not self.save_every >= 0:
            raise ValueError(f"--save-every {self.save_every:g} is no time. Give seconds, for example 60.")
        if not 0 <= self.clip < math.inf:
            raise ValueError(
                f"--clip {self.clip:g} is no length of a gradient. Give one such as 1, or 0 for any length."
            )
        if not 0 <= self.warmup < self.epochs:
            raise ValueError(f"--warmup {self.warmup:g} of {self.epochs} epochs leaves none after it. Give fewer.")
        if self.accumulate < 1 or self.batch % self.accumulate:
            raise ValueError(
                f"--accumulate {self.accumulate} does not divide --batch {self.batch}. Give a number that does."
            )
        if self.sync_norm and self.compile:
            raise ValueError("--sync-norm and --compile do not go together yet. Give one of them.")
        if self.shard_weights and self.compile:
            raise ValueError("--shard-weights and --compile do not go together yet. Give one of them.")
        if self.shard_weights and self.awp:
            raise ValueError(
                "--awp takes gradients that no optimizer follows, which divided weights do not average. Drop "
                "--shard-weights, or --awp."
            )
        check_optimizer(self.optimizer)
        if self.augment is not None:
            check_augment(self.augment)
        mixing_of(self.mixup, self.cutmix)
        if self.start and self.pretrained:
            raise ValueError("--start and --pretrained both name the weights to start from. Give one of them.")
        if self.labelled is not None and self.unlabelled is not None:
            raise ValueError("--labelled and --unlabelled both say which images have no labels. Give one of them.")
        if not 0 < self.extra_share < 1:
            raise ValueError(f"--extra-share {self.extra_share:g} is not a share of a batch. Give one such as 0.7.")
        if self.extra and self.batch < 2:
            raise ValueError("--batch 1 has no room for --extra beside an image of --data. Give 2 or more.")
        if self.distil and self.teacher is None:
            raise ValueError("--distil learns from a teacher. Name the folder of its run: --teacher runs/standard.")
        if self.teacher_weights and not is_network(self.teacher or ""):
            raise ValueError(
                "--teacher-weights are of a network that --teacher names, timm:resnet18 or file.py:build. Name it so, "
                "or leave them out."
            )
        if self.distil and self.label_smoothing:
            raise ValueError("--distil and --label-smoothing both soften the labels. Give one of them.")
        parse(self.rate)
        parse_growth(self.eps_schedule)
        self.sides  # noqa: B018
        if not 0 < self.val < 1:
            raise ValueError(
                f"--val {self.val:g} is not a share. Hold out a part of the training images to choose the checkpoint, "
                "for example 0.1."
            )

    @property
    def sides(self) -> Sides | None:
        """How large the images to learn from are as the training goes on; None for one size."""
        return parse_sides(self.size) if isinstance(self.size, str) else None

    @property
    def side(self) -> int | None:
        """Side of the images that are measured and served; None for the one they have."""
        return self.sides.last if self.sides else cast(int | None, self.size)


def is_network(teacher: str) -> bool:
    """Whether a teacher is a network that is built, `file.py:build` or `timm:NAME`, and not the folder of a run."""
    return is_place(teacher) or teacher.startswith("timm:")


def read_about(folder: Path) -> dict[str, Json]:
    """`run.json` of a run, with a recipe and settings that this version takes.

    Raises FileNotFoundError where there is none, ValueError, one line with the remedy, if it is damaged.
    """
    about = record.read_run(folder)
    wrong = record.fault(about, record.NETWORK) or unknown(about["recipe"], about["knobs"], about["run"])
    if wrong is not None:
        raise ValueError(
            f"{folder / record.RUN} is damaged ({wrong}). It cannot be made again: put a copy of it back, or train "
            "into a new folder."
        )
    for place, digest in about.get("own", {}).items():
        if not lost(place) and digest_of(place) != digest:  # who needs what is lost says so
            logging.getLogger("robustdial").warning(f"{place} has changed since the run in {folder} began.")
    return about


def own_code_of(name: str, run: Run) -> dict[str, str]:
    """The places of the user's own code that a run depends on, with a digest of each file."""
    return {
        place: digest_of(place) for place in (name, run.model, run.augment or "", run.teacher or "") if is_place(place)
    }


def unknown(name: str, knobs: Mapping[str, Json], settings: Mapping[str, Json] = MappingProxyType({})) -> str | None:
    """What this version does not know of a recipe, its knobs and the settings of a run in a file, in words."""
    if name not in (*RECIPES, *UNTRAINED, COMPOSED) and not is_place(name):
        return f"there is no recipe {name}"
    wrong = record.settings_fault(knobs, recipe(name))
    if wrong is not None:
        return f"knobs of {name}: {wrong}"
    return record.settings_fault(settings, Run, strict=False) or _out_of_range(name, knobs, settings)


def _out_of_range(name: str, knobs: Mapping[str, Json], settings: Mapping[str, Json]) -> str | None:
    try:
        recipe(name)(**knobs)
        run_of({"run": settings})
    except ValueError as error:
        return str(error)
    return None


def run_of(about: Mapping[str, Json]) -> Run:
    """The settings of a `run.json`; what this version does not know is left out."""
    known = {field.name for field in fields(Run)}
    return Run(**{name: value for name, value in about["run"].items() if name in known})


def places_of(run: Run) -> dict[str, str]:
    """The settings that are paths to data, absolute, to find it from another directory."""
    named = {name: value for name in ("data", "unlabelled", "extra") if (value := getattr(run, name))}
    return {name: absolute(value) for name, value in named.items()} | {"root": str(Path(run.root).resolve())}


def relocated(run: Run, places: Mapping[str, str]) -> Run:
    """The settings of a run whose data is at `places`, if it is still there; as given, where that is the same place."""
    here = places_of(run)
    moved = {name: place for name, place in places.items() if here.get(name) != place}
    there: dict[str, Any] = {name: place for name, place in moved.items() if _exists(name, place)}
    return replace(run, **there)


def _exists(name: str, place: str) -> bool:
    return Path(place).exists() if name == "root" else is_there(place)


def data_of(run: Run, classes: Sequence[str] | None = None) -> Data:
    """The data set of a run, divided as its seed divides it; `classes` are the names a network knows already."""
    if classes is None and run.classes is not None:
        classes = class_names(run.classes)
    return load(
        run.data,
        root=run.root,
        limit=run.limit,
        val=run.val,
        seed=run.seed,
        size=run.side,
        labelled=run.labelled,
        unlabelled=run.unlabelled,
        label=run.label,
        image=run.image,
        background=run.background,
        classes=classes,
        workers=run.workers,
        extra=run.extra,
        extra_share=run.extra_share,
    )


def device_of(name: str) -> torch.device:
    """A device by its name; auto takes the accelerator where there is one. Raises ValueError if it cannot be had."""
    card = f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"  # of several processes
    if name == "auto":
        name = card if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = card
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
