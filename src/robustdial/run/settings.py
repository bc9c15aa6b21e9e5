"""What every recipe needs besides its own knobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from robustdial.own_code import is_place
from robustdial.precision import Precision
from robustdial.training.sides import Sides, parse_sides

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
        grad_checkpointing: keep the inputs of the network's blocks alone and compute the blocks again for the backward,
            where weights learn: less memory, about a third of a pass more for each update.
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
        compile: run the network through torch.compile, which takes minutes in the beginning. Alone, or auto, which
            tries it where the training takes an hour or more, and keeps to it if that saves more time than it took.
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
    grad_checkpointing: bool = False
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
    compile: bool | Literal["auto"] = False
    save_every: float = 60.0
    on_trouble: Literal["auto", "warn", "stop", "rollback"] = "auto"
    out: str = "runs/run"

    def __post_init__(self) -> None:
        from robustdial.run.refusals import check  # not above: it needs this class

        check(self)

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
