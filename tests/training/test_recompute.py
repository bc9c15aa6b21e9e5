"""With activation checkpointing the weights, and everything else a network keeps, are the same."""

import pytest
import torch
from torch import nn

from robustdial.data import Batch
from robustdial.dial import Dials, Fixed, dial
from robustdial.method import Method
from robustdial.method.objective import AT, TRADES, Blend, GradAlign
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Replay, Step
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.plan.counted import counted
from robustdial.run import Run, start
from robustdial.training.batch import train_batch
from robustdial.training.recompute import Recomputing, blocks_of

IMAGES, CLASSES = 6, 4


class Residual(nn.Module):
    """A block with everything that could go wrong when it is computed again."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.drop, self.out = nn.Dropout(0.3), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return x + self.out(self.drop(torch.relu(self.norm(self.conv(x)))))


def own():
    stem = nn.Conv2d(3, 4, 3)
    return nn.Sequential(stem, nn.Sequential(Residual(), Residual()), nn.Flatten(), nn.Linear(4 * 14 * 14, CLASSES))


def ours():
    return build("resnet18", classes=CLASSES, shape=(3, 16, 16), mean=[0.5] * 3, std=[0.5] * 3, width=4)


def of_timm():
    timm = pytest.importorskip("timm", reason="pip install 'robustdial[timm]'")
    sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return timm.create_model("vit_tiny_patch16_224", num_classes=CLASSES, proj_drop_rate=0.1, **sizes)


def of_torchvision():
    torchvision = pytest.importorskip("torchvision")
    kinds = torchvision.models.resnet  # with and without a convolution in the shortcut, as in those that have names
    return kinds.ResNet(kinds.BasicBlock, [2, 1, 1, 1], num_classes=CLASSES)


NETWORKS = {"own": own, "ours": ours, "timm": of_timm, "torchvision": of_torchvision}
OBJECTIVES = {"AT": AT(), "Blend": Blend(0.5), "TRADES": TRADES(), "GradAlign": GradAlign(AT())}


def trained(make, dials, objective, recomputing, solver=None, watched=None):
    torch.manual_seed(0)
    net, x = make(), torch.rand(IMAGES, 3, 16, 16)
    model = (net if dials is None else dial(net, dials, example=x[:2])).double().train()
    method = Method(Linf(0.1), solver or PGD(Step(0.05)), Constant(2), objective, dials or Fixed())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    forward = Recomputing(model, model) if recomputing else None
    play = (model, Batch(x.double(), torch.arange(IMAGES) % CLASSES), method, 2, optimizer, [])
    with watched(model) if watched else torch.enable_grad() as tally:
        for _ in range(2):
            train_batch(*play, forward=forward)
    return model, tally


CASES = [(net, dials, "Blend") for net in NETWORKS for dials in (None, Dials((0.0, 0.5, 1.0)))]
CASES += [("own", Dials((0.0, 0.5, 1.0)), objective) for objective in OBJECTIVES if objective != "Blend"]
CASES += [("own", Dials((0.0, 1.0), (0.5, 1.0)), "Blend")]


@pytest.mark.parametrize(("net", "dials", "objective"), CASES)
def test_the_weights_are_those_without_it(net, dials, objective):
    (model, _), (expected, _) = (
        trained(NETWORKS[net], dials, OBJECTIVES[objective], recomputing) for recomputing in (True, False)
    )
    torch.testing.assert_close(model.state_dict(), expected.state_dict(), rtol=1e-12, atol=1e-12)
    assert all("forward" not in vars(module) for module in model.modules())


def test_a_replay_finds_the_gradient_that_it_needs():
    solver = Replay(Step(0.05))
    (model, _), (expected, _) = (trained(own, Dials(), AT(), recomputing, solver) for recomputing in (True, False))
    torch.testing.assert_close(model.state_dict(), expected.state_dict(), rtol=1e-12, atol=1e-12)


def test_less_is_kept():
    (_, less), (_, more) = (trained(ours, Dials(), AT(), recomputing, watched=counted) for recomputing in (True, False))
    assert less.kept < 0.5 * more.kept


def test_blocks_are_those_of_the_network():
    assert [type(block).__name__ for block in blocks_of(own())] == ["Residual"] * 2
    assert len(blocks_of(ours())) == len(blocks_of(dial(ours(), Dials()))) == 8
    with pytest.raises(ValueError, match=r"Sequential has no blocks of several layers .* --grad-checkpointing"):
        Recomputing(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), None)


def settings(tmp_path, **more):
    small = {"model_width": 4, "epochs": 1, "limit": 48, "batch": 16, "grad_checkpointing": True}
    return Run(**{"data": "digits", "model": "resnet18", "out": str(tmp_path / "run"), **small, **more})


def test_a_run_can_ask_for_it(tmp_path):
    experiment = start("radial", {"steps": 1, "warm": 0.0}, settings(tmp_path))
    assert isinstance(experiment.state.forward, Recomputing)
    assert len(experiment.state.forward.blocks) == 8


@pytest.mark.parametrize(
    ("recipe", "knobs", "more", "line"),
    [
        ("radial", {"dial": "line", "warm": 0.0}, {}, "A dial of kind line .* Drop --grad-checkpointing"),
        ("pgd-at", {}, {"model": "cnn"}, "has no blocks of several layers"),
        ("pgd-at", {}, {"compile": True}, "--grad-checkpointing and --compile do not go together"),
        ("pgd-at", {}, {"sync_norm": True}, "--grad-checkpointing and --sync-norm do not go together"),
    ],
)
def test_what_cannot_be_computed_again_is_refused(recipe, knobs, more, line, tmp_path):
    with pytest.raises(ValueError, match=line):
        start(recipe, knobs, settings(tmp_path, **more))
