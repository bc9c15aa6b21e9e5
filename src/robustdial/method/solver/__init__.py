"""How the adversary moves."""

from robustdial.method.solver.balls import EachBall, OneBall, WorstBall
from robustdial.method.solver.base import Memory, Solver, Step, ascend
from robustdial.method.solver.friendly import Friendly
from robustdial.method.solver.generated import Generated
from robustdial.method.solver.indicative import Indicative
from robustdial.method.solver.noisy import Noisy
from robustdial.method.solver.pgd import PGD
from robustdial.method.solver.prior import Prior
from robustdial.method.solver.replay import Carried, Replay
from robustdial.method.solver.started import Corner, Start, Started
from robustdial.method.solver.transfer import Transferred
from robustdial.method.solver.worst_of import WorstOf
from robustdial.method.solver.yopo import YOPO
from robustdial.method.solver.zerograd import ZeroGrad

__all__ = [
    "PGD",
    "YOPO",
    "Carried",
    "Corner",
    "EachBall",
    "Friendly",
    "Generated",
    "Indicative",
    "Memory",
    "Noisy",
    "OneBall",
    "Prior",
    "Replay",
    "Solver",
    "Start",
    "Started",
    "Step",
    "Transferred",
    "WorstBall",
    "WorstOf",
    "ZeroGrad",
    "ascend",
]
