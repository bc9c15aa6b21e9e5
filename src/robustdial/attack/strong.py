"""Two gradients that fail in different ways."""

from __future__ import annotations

from robustdial.attack.apgd import APGD
from robustdial.attack.base import PGDAttack
from robustdial.attack.cascade import Cascade
from robustdial.attack.losses import margin


def strong(steps: int = 50) -> Cascade:
    """Auto-PGD on the cross-entropy, then PGD on the margin, whose gradient does not vanish where a network is sure.

    Near AutoAttack for networks that were trained against adversaries and hide nothing, at a fraction of its price.

    >>> strong().name
    'apgd-ce+cw-50'
    """
    return Cascade((APGD(steps=steps), PGDAttack(steps, loss=margin, title="cw")), f"apgd-ce+cw-{steps}")
