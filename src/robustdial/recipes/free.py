"""Free adversarial training: every backward pass moves the weights and the adversary."""

from __future__ import annotations

from robustdial.checks import checked
from robustdial.method import Method
from robustdial.method.objective import AT
from robustdial.method.schedule import Constant
from robustdial.method.solver import Carried, Replay, Solver, Step
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def free(eps: float = px(8), norm: Norm = "linf", replays: int = 8, step: float = 1.0, carry: bool = True) -> Method:
    r"""Free adversarial training: learn each batch m times, the adversary moving a step between two of them.

        repeat m times:  g_w, g_z = grad CE(f(x + z), y);   w <- w - lr g_w;   z <- clip_eps(z + step eps sign g_z)

    Paper: Shafahi et al., Adversarial Training for Free!, NeurIPS 2019.

    Cost: one pass per image and replay, each of which moves the weights; the authors train for epochs / m epochs.

    Departures from the authors' code: theirs keeps the perturbation in the ball and cuts the image to [0, 1]; ours cuts
    the perturbation to the image, and first shows it as the batch before has left it, as the port of Wong et al. does
    (which moves its learning rate with every replay, ours with every batch). Without `carry` each batch starts at the
    clean image, which is the baseline of the DEAT paper (FREE-4, FREE-6, FREE-8).

    Published (their repository, CIFAR-10, WRN-32-10, m = 8): 86.0 % clean, 46.2 % under PGD-100; (DEAT paper, PreAct
    ResNet-18, m = 8) 80.8 % clean, 48.5 % under PGD-100, 44.8 % under AutoAttack.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        replays: times that each batch is learned, m.
        step: step size as a share of eps.
        carry: the perturbation goes on from batch to batch.
    """
    threat = threat_of(norm, eps)
    size = Step(size=step * eps)
    solver: Solver = Carried(size) if carry else Replay(size, noise=0.0)
    return Method(threat, solver, Constant(replays), AT())
