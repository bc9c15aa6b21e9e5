"""Every broken defence is caught, by the checks that know its fault."""

import pytest
from broken import BROKEN

from robustdial.evaluate.check import Evidence, examine
from robustdial.method.threat import Linf

pytestmark = pytest.mark.rounding

THREAT = Linf(0.125)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_defence_is_caught_by_the_right_checks(name, honest, probe):
    make, must, may = BROKEN[name]
    net = honest["standard"]
    findings = {finding.id: finding for finding in examine(Evidence(make(net), *probe(64), THREAT, another=net))}
    raised = {finding.id for finding in findings.values() if finding.state == "raised"}
    assert must <= raised <= must | may, [findings[id].seen for id in sorted(raised ^ must)]
