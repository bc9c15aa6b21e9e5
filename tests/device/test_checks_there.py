"""Checks on a device that is not the CPU: they say what they say on the CPU, to the digit."""

from copy import deepcopy

import pytest
from elsewhere import DEVICE
from test_every_attack import Moody, images

from robustdial.evaluate.check import CHECKS, Evidence, Inapplicable
from robustdial.method.threat import L2, Linf


@pytest.fixture
def evidence(there):
    """The same evidence here and there."""
    net, other, x = Moody().eval(), Moody().eval(), images(16)
    y = net(x).argmax(1)
    y[:3] = 0

    def of(threat):
        here = Evidence(net, x, y, threat, another=other)
        moved = [deepcopy(f).to(DEVICE) for f in (net, other)]
        return here, Evidence(moved[0], x.to(DEVICE), y.to(DEVICE), threat, another=moved[1])

    return of


def said(check, evidence):
    try:
        return check(evidence)
    except Inapplicable as why:
        return str(why)


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.5)], ids=["linf", "l2"])
def test_checks(threat, evidence):
    here, away = evidence(threat)
    for check in CHECKS:
        assert said(check, away) == said(check, here), check.id
