"""Small networks of many architectures, and what is known of each: the table that the tests of the dial go through."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torchvision import models as vision
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformerBlockV2

from robustdial.dial import Dials, dial
from robustdial.models import build

LAMBDAS = (0.0, 0.05, 1.0)
WIDTHS = Dials(widths=(0.5, 1.0))


class Architecture(NamedTuple):
    """How to build a small one, and what is known of it.

    Attributes:
        build: the network, of 10 classes.
        size: side of its images.
        refused: what the refusal of half width names; empty where half width works.
        hidden: end of the names of hidden layers, which can be narrow where the network cannot.
        gains: state_dict keys that a baked network has and the plain one has not.
    """

    build: Callable[[], nn.Module]
    size: int = 16
    refused: str = ""
    hidden: str = ""
    gains: frozenset[str] = frozenset()


def own(name, width=4):
    return lambda: build(name, classes=10, shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3, width=width)


def vgg(norm):
    # torchvision's classifier has millions of weights, whatever the width
    features = vision.vgg.make_layers([8, "M", 16], norm)
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))


def mobilenet_v3():
    block = partial(vision.mobilenetv3.InvertedResidualConfig, width_mult=1.0)
    return vision.MobileNetV3([block(8, 3, 16, 8, True, "RE", 2, 1), block(8, 5, 24, 16, True, "HS", 2, 1)], 32, 10)


def efficientnet():
    fused, block = vision.efficientnet.FusedMBConvConfig, vision.efficientnet.MBConvConfig
    return vision.EfficientNet([fused(1, 3, 1, 8, 8, 1), block(4, 5, 2, 8, 16, 2, 1.0, 1.0)], 0.1, num_classes=10)


def regnet():
    shape = vision.regnet.BlockParams.from_init_params(depth=4, w_0=8, w_a=8, w_m=2, group_width=4, se_ratio=0.25)
    return vision.RegNet(shape, num_classes=10)


def convnext():
    stage = vision.convnext.CNBlockConfig
    return vision.ConvNeXt([stage(8, 16, 1), stage(16, None, 1)], num_classes=10)


def swin(**kind):
    return vision.SwinTransformer([2, 2], 8, [2, 2], [2, 2], [2, 2], num_classes=10, **kind)


def timm():
    return pytest.importorskip("timm.models")


def resnet_v2(norm, conv=nn.Conv2d, **kwargs):
    norm = partial(getattr(pytest.importorskip("timm.layers"), norm), **kwargs)
    return timm().resnetv2.ResNetV2((1, 1), (16, 32), 10, stem_chs=16, norm_layer=norm, conv_layer=conv)


def norm_free():
    squeeze = {"attn_layer": "se", "attn_kwargs": {"rd_ratio": 0.5}}
    shape = timm().nfnet.NfCfg((1, 1, 1, 1), (16, 16, 16, 32), stem_chs=16, **squeeze)
    return timm().nfnet.NormFreeNet(shape, num_classes=10)


def standardized():
    return resnet_v2("GroupNormAct", pytest.importorskip("timm.layers").StdConv2d, num_groups=4)


def conv_next(**kind):
    return timm().ConvNeXt(num_classes=10, depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), **kind)


def res_mlp():
    mixer = timm().mlp_mixer
    blocks = {"block_layer": mixer.ResBlock, "norm_layer": mixer.Affine, "mlp_ratio": 4}
    return mixer.MlpMixer(10, 16, patch_size=8, num_blocks=2, embed_dim=16, **blocks)


def efficient_vit():
    stages = {"widths": (8, 8, 16), "depths": (1, 1, 1), "head_dim": 8, "head_widths": (16, 16)}
    return timm().efficientvit_mit.EfficientVit(num_classes=10, **stages)


def meta_former():
    norm = pytest.importorskip("timm.layers").GroupNorm1
    return timm().MetaFormer(num_classes=10, depths=(1, 1), dims=(8, 16), norm_layers=norm)


def token_net(kind, **more):
    return kind(img_size=16, patch_size=8, num_classes=10, embed_dim=16, depth=2, num_heads=2, **more)


class Encoder(nn.Module):
    """PyTorch's own transformer, which in evaluation can compute from its layers' weights without calling them."""

    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.patches, self.head = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, 10)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x):
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


def weight_norm():
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3))
    return nn.Sequential(conv, nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 14 * 14, 10))


def instance_norm():
    layers = nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 10)
    return nn.Sequential(*layers)


OURS = {
    "resnet18": Architecture(own("resnet18"), 32),
    "preact_resnet18": Architecture(own("preact_resnet18"), 32),
    "wrn16_8": Architecture(own("wrn16_8", 2), 32),
    "vgg16": Architecture(own("vgg16"), 32),
    "resnext": Architecture(
        lambda: vision.ResNet(vision.resnet.Bottleneck, [1, 1, 1, 1], 10, groups=4, width_per_group=4), 32
    ),
}
THEIRS = {
    "vgg": Architecture(lambda: vgg(False)),
    "vgg_bn": Architecture(lambda: vgg(True)),
    "squeezenet": Architecture(lambda: vision.squeezenet1_1(num_classes=10), 32),
    "densenet": Architecture(lambda: vision.DenseNet(8, (2, 2), 16, num_classes=10), 32),
    "mobilenet_v2": Architecture(lambda: vision.MobileNetV2(10, 0.25, [[1, 8, 1, 1], [4, 8, 2, 2]])),
    "mobilenet_v3": Architecture(mobilenet_v3, 32),
    "efficientnet": Architecture(efficientnet, 32),
    "regnet": Architecture(regnet, 32),
    "shufflenet": Architecture(lambda: vision.ShuffleNetV2([1, 1, 1], [8, 16, 16, 32, 32], 10), 64),
    "convnext": Architecture(convnext, 16, "'features.1.0' (CNBlock)", "block.3"),
    "vit": Architecture(
        lambda: vision.VisionTransformer(16, 8, 2, 2, 16, 32, num_classes=10), 16, "VisionTransformer", "mlp.0"
    ),
    "swin": Architecture(swin, 16, "'features.1.0.attn' (ShiftedWindowAttention)", "mlp.0"),
    "swin_v2": Architecture(
        lambda: swin(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2),
        16,
        "'features.1.0.attn' (ShiftedWindowAttentionV2)",
        "mlp.0",
    ),
    "maxvit": Architecture(
        lambda: vision.MaxVit((16, 16), 8, 2, [8], [1], 8, 0.0, num_classes=10), 16, "'blocks.0", "mlp_layer.1"
    ),
    "encoder": Architecture(Encoder, 16, "self_attn' (MultiheadAttention)", "linear1"),
    "instance norm": Architecture(instance_norm, gains=frozenset({"1.weight", "1.bias"})),
    "weight norm": Architecture(weight_norm),
    "timm resnetv2, StdConv2d": Architecture(standardized, 16, "'stem.conv' (StdConv2d)"),
    "timm resnetv2, BatchNormAct2d": Architecture(lambda: resnet_v2("BatchNormAct2d")),
    "timm resnetv2, LayerNormAct2d": Architecture(lambda: resnet_v2("LayerNormAct2d")),
    "timm nfnet": Architecture(norm_free, 32, "'stem.conv' (ScaledStdConv2d)", "attn_last.fc1"),
    "timm convnext": Architecture(conv_next, 32, "'stages.0.blocks.0' (ConvNeXtBlock)", "mlp.fc1"),
    "timm convnextv2": Architecture(
        lambda: conv_next(use_grn=True, ls_init_value=None, conv_mlp=True), 32, "mlp.grn' (GlobalResponseNorm)"
    ),
    "timm vit": Architecture(lambda: token_net(timm().VisionTransformer), 16, "VisionTransformer", "mlp.fc1"),
    "timm deit, distilled": Architecture(
        lambda: token_net(timm().deit.VisionTransformerDistilled), 16, "VisionTransformerDistilled", "mlp.fc1"
    ),
    "timm cait": Architecture(lambda: token_net(timm().Cait), 16, "Cait", "mlp.fc1"),
    "timm xcit": Architecture(lambda: token_net(timm().Xcit), 16, "'blocks.0' (XCABlock)", "mlp.fc1"),
    "timm swin": Architecture(
        lambda: timm().SwinTransformer(
            16, 2, num_classes=10, embed_dim=8, depths=(2, 2), num_heads=(2, 2), window_size=2
        )
    ),
    "timm mixer": Architecture(
        lambda: timm().MlpMixer(10, 16, patch_size=8, num_blocks=2, embed_dim=16), 16, "'blocks.0' (MixerBlock)", "fc1"
    ),
    "timm resmlp": Architecture(res_mlp, 16, "'blocks.0.norm1' (Affine)", "fc1"),
    "timm convmixer": Architecture(lambda: timm().ConvMixer(16, 2, 3, 4, num_classes=10)),
    "timm poolformer": Architecture(
        meta_former, 16, gains=frozenset({"stages.1.downsample.norm.bias", "stem.norm.bias"})
    ),
    "timm efficientvit": Architecture(efficient_vit, 32),
}
TABLE = OURS | THEIRS  # at full width, test_dial.py has ours
NARROW = [name for name, known in TABLE.items() if not known.refused]
REFUSED = [name for name, known in TABLE.items() if known.refused]
HIDDEN = [name for name, known in TABLE.items() if known.hidden]
SAMPLE = ["mobilenet_v3", "vit"]  # compiling and exporting take seconds each


def unsettled(model):
    """The same network with weights and statistics that are nowhere at their initial values."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.dtype.is_floating_point and name != "codes":
                noise = torch.rand(value.shape, generator=generator)
                value.add_(0.3 * noise) if "running_var" in name else value.add_(0.1 * (noise - 0.5))
    return model


@cache
def plain(name):
    torch.manual_seed(0)
    return unsettled(TABLE[name].build()).eval()


@cache
def dialed(name):
    return unsettled(dial(plain(name), example=images(name))).eval()


@cache
def images(name):
    size = TABLE[name].size
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(2))


def assert_close(got, expected):
    torch.testing.assert_close(got, expected, atol=1e-5 * max(1.0, float(expected.abs().max())), rtol=0)
