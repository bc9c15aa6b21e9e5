"""Settings under which the literature trains these methods, as defaults for a whole command line.

A preset changes defaults only: what is written out on the command line goes before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from robustdial.typing import Json, px

Settings = Mapping[str, Json]


@dataclass(frozen=True)
class Preset:
    """Defaults of a setting.

    Args:
        source: where it is from, and what differs from there.
        shared: fields of `Run`, and knobs such as eps, for every recipe.
        recipes: what differs from that, or is added, for some recipes.
    """

    source: str
    shared: Settings
    recipes: Mapping[str, Settings] = field(default_factory=dict)

    def of(self, recipe: str) -> dict[str, Json]:
        """The defaults of a recipe."""
        return {**self.shared, **self.recipes.get(recipe, {})}


FAST = Preset(
    "DEAT paper, FAST setting (CIFAR-10; Wong et al. for fgsm-rs and free); momentum is not cycled, precision is yours",
    {
        "data": "cifar10",
        "model": "preact_resnet18",
        "epochs": 10,
        "batch": 128,
        "lr": 0.1,
        "rate": "triangle",
        "weight_decay": 5e-4,
    },
    {
        "fgsm": {"epochs": 15, "lr": 0.2},
        "fgsm-rs": {"epochs": 15, "lr": 0.2},
        "pgd-at": {"epochs": 15, "lr": 0.2, "mode": "train"},
        "free": {"lr": 0.04},
        "deat-d": {"epochs": 12, "every": 3, "most": 5},
        "deat-p": {"accuracy": 0.4, "most": 4},
        "m-deat": {"gamma": 1.0, "step": 1.5},
    },
)

STANDARD = Preset(
    "DEAT paper, standard setting (CIFAR-10, table 1)",
    {
        "data": "cifar10",
        "model": "preact_resnet18",
        "epochs": 50,
        "batch": 128,
        "lr": 0.05,
        "rate": "multistep:1/2,4/5",
        "weight_decay": 5e-4,
    },
    {
        "pgd-at": {"mode": "train"},
        "trades": {"mode": "train"},
        "mart": {"mode": "train"},
        "free": {"carry": False},
        "fat": {"steps": 5, "patience": 3},
        "yopo": {"lr": 0.25},  # theirs, 0.05, meets the sum of five gradients
    },
)

IMAGENET = Preset(
    "DEAT paper, ImageNet setting; crops are those of the data set here, and the network is timm's",
    {
        "data": "folder:imagenet",
        "model": "timm:resnet50",
        "size": 224,
        "eps": px(4),
        "epochs": 23,
        "batch": 256,
        "lr": 0.1,
        "rate": "multistep:9/23,16/23",
        "weight_decay": 1e-4,
    },
    {
        "free": {"replays": 4, "step": 1.0, "rate": "multistep:8/23,16/23"},
        "m-deat": {"gamma": 1.1, "most": 4, "step": 1.5, "carry": True},
    },
)

_FINE_TUNED = {
    "data": "folder:imagenet",
    "pretrained": True,
    "size": 224,
    "eps": px(4),
    "epochs": 50,
    "batch": 640,
    "lr": 1e-3,
    "rate": "cosine",
    "warmup": 10.0,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "ema": 0.9999,
    "label_smoothing": 0.1,
    "augment": "randaugment",
    "mixup": 0.8,
    "cutmix": 1.0,
}
_TWO_STEPS = {"pgd-at": {"steps": 2, "step": 1.0}}
_SINGH = (
    "code of Singh et al., NeurIPS 2023, for 50 epochs; {}, PGD in place of APGD, without random erasing and jitter"
)

CONVNEXT = Preset(
    _SINGH.format("timm's ConvNeXt-T without their stem"),
    {**_FINE_TUNED, "model": "timm:convnext_tiny"},
    _TWO_STEPS,
)

VIT = Preset(
    _SINGH.format("timm's ViT-S without their stem"),
    {**_FINE_TUNED, "model": "timm:vit_small_patch16_224"},
    _TWO_STEPS,
)

MADRY = Preset(
    "defaults of the robustness library (Engstrom et al., 2019); radius and step size, which it leaves open, are ours",
    {
        "data": "folder:imagenet",
        "model": "timm:resnet50",
        "size": 224,
        "eps": px(4),
        "epochs": 200,
        "batch": 256,
        "lr": 0.1,
        "rate": "multistep:1/4,1/2,3/4",
        "weight_decay": 1e-4,
    },
    {"pgd-at": {"steps": 7, "step": 2.5 / 7}},
)

FAST_IMAGENET = Preset(
    "code of Wong et al., ICLR 2020, at one size of images, theirs has three, with a cosine instead of their lines",
    {
        "data": "folder:imagenet",
        "model": "timm:resnet50",
        "size": 224,
        "eps": px(4),
        "epochs": 15,
        "batch": 512,
        "lr": 0.4,
        "rate": "cosine",
        "warmup": 1.0,
        "weight_decay": 1e-4,
    },
    {"fgsm-rs": {"step": 1.25}},
)

GENERATED = Preset(
    "Wang et al., ICML 2023, CIFAR-10 with 1M images of theirs (their repository): without Nesterov's momentum, the "
    "average begins with the training, theirs at 2.5 % of it, and batch norms have their decay and momentum here",
    {
        "data": "cifar10",
        "model": "wrn28_10_silu",
        "extra": "npz:1m.npz",
        "extra_share": 0.7,
        "epochs": 400,
        "batch": 512,
        "lr": 0.2,
        "rate": "cosine",
        "warmup": 10.0,
        "weight_decay": 5e-4,
        "ema": 0.995,
        "label_smoothing": 0.1,
    },
    {"trades": {"beta": 5.0, "steps": 10, "step": 0.25, "mode": "train"}},
)

PRESETS: dict[str, Preset] = {
    "fast": FAST,
    "standard": STANDARD,
    "generated": GENERATED,
    "imagenet": IMAGENET,
    "imagenet-convnext": CONVNEXT,
    "imagenet-vit": VIT,
    "imagenet-madry": MADRY,
    "imagenet-fast": FAST_IMAGENET,
}
