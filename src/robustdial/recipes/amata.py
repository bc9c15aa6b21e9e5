"""Amata: a weak adversary first, a strong one at the end."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Linear
from robustdial.method.solver import PGD, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def amata(eps: float = px(8), norm: Norm = "linf", least: int = 2, most: int = 10, way: float = 2.5) -> Method:
    r"""Annealed adversarial training (Amata): steps grow with the epochs, their size shrinks.

        K_t = least + floor((most - least) t / T),   step_t = way eps / K_t,    then PGD adversarial training

    Paper: Ye et al., Amata: An Annealing Mechanism for Adversarial Training Acceleration, AAAI 2021.

    Cost: K_t + 1 passes per image in epoch t of T; 6.4 on average over 50 epochs with the defaults.

    Departures from the authors' code: none is published; constants, the start at the clean image and the attack in
    training mode are those of the DEAT paper's port (Amata-2-10).

    Published (DEAT paper, CIFAR-10, PreAct ResNet-18): 79.6 % clean, 50.3 % under PGD-100, 46.2 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        least: attack steps at the beginning.
        most: attack steps that the end of the training would reach.
        way: length of all steps together, as a share of eps; 20/255 in the port.
    """
    threat = threat_of(norm, eps)
    solver = PGD(Step(spread=way), noise=0.0, mode="train")
    return Method(threat, solver, Linear(least + 1, most + 1), AT())
