"""AutoAttack as a whole, with all its steps, against the recorded verdicts. Minutes: `pytest -m slow -s`.

The network is folded and laid out channels last, which changes rounding only; the plain network judges.
"""

import time
from dataclasses import dataclass, field

import pytest
import torch
from safetensors.torch import load_file

from robustdial.attack import Attack, Cascade, autoattack
from robustdial.folding import folded
from robustdial.method.threat import Linf
from robustdial.models import ResNet
from robustdial.precision import Prepared
from robustdial.typing import px

pytestmark = pytest.mark.slow

BALL = Linf(px(8))
PARTS = autoattack().attacks
DIFFERENT = 2  # images of 100 that may stand here alone, or there alone
NUMBER = {"apgd-ce": 1, "apgd-t": 1, "fab-t": 1, "square": 2}  # by which the number standing may differ


@pytest.fixture(scope="module")
def net(shared):
    net = ResNet(10, 3, width=16).eval()
    net.load_state_dict(load_file(shared / "reference" / "rn18w16_cifar.safetensors"))
    return net


@pytest.fixture(scope="module")
def arrays(golden):
    return golden("autoattack")


def compare(title, ours, theirs, within, seconds=None):
    """Say and check how the verdicts agree."""
    here, there = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    took = "" if seconds is None else f"; {seconds:.1f} s of processor time"
    print(
        f"\n{title}: {int(theirs.sum())} recorded, {int(ours.sum())} here; {int((ours == theirs).sum())} of 100 alike, "
        f"{here} stand here alone, {there} there alone{took}"
    )
    assert abs(int(ours.sum()) - int(theirs.sum())) <= within
    assert max(here, there) <= DIFFERENT


def stand(net, adv, y):
    with torch.no_grad():
        return net(adv).argmax(1) == y


@pytest.mark.parametrize("attack", PARTS, ids=lambda attack: attack.name)
def test_each_attack_alone(net, arrays, attack):
    x, y, correct = arrays["x"], arrays["y"], arrays["clean_correct"].bool()
    begin = time.process_time()
    adv = attack(Prepared(folded(net), "float32"), x[correct], y[correct], BALL)
    seconds = time.process_time() - begin
    assert (adv - x[correct]).abs().max() <= BALL.eps + 1e-6 and adv.min() >= 0 and adv.max() <= 1
    ours = correct.clone()
    ours[correct] = stand(net, adv, y[correct])
    theirs = arrays[f"individual/{attack.name.replace('-', '_')}/robust"].bool()
    compare(f"{attack.name} alone", ours, theirs, NUMBER[attack.name], seconds)


@dataclass(frozen=True)
class Noted:
    """An attack that notes the images it is given and the processor time it takes."""

    attack: Attack
    given: list[torch.Tensor] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    name: str = "noted"

    def __call__(self, f, x, y, threat):
        begin = time.process_time()
        adv = self.attack(f, x, y, threat)
        self.given.append(x)
        self.seconds.append(time.process_time() - begin)
        return adv


def test_the_cascade(net, arrays):
    x, y = arrays["x"], arrays["y"]
    parts = [Noted(attack) for attack in PARTS]
    adv = Cascade(tuple(parts), "autoattack")(Prepared(folded(net), "float32"), x, y, BALL)
    assert (adv - x).abs().max() <= BALL.eps + 1e-6 and adv.min() >= 0 and adv.max() <= 1
    given = [(x[:, None] == part.given[0]).flatten(2).all(2).any(1) for part in parts]
    assert torch.equal(given[0], arrays["clean_correct"].bool())
    for part, ours, theirs in zip(PARTS, [*given[1:], stand(net, adv, y)], arrays["cascade/robust_after"], strict=True):
        seconds = parts[PARTS.index(part)].seconds[0]
        compare(f"after {part.name}", ours, theirs.bool(), NUMBER[part.name], seconds)
    assert stand(net, adv, y).sum() <= arrays["cascade/robust_after"][-1].sum() + 1
