"""How the adversary moves."""

from robustdial.method.solver.base import Memory, Solver, Step, ascend
from robustdial.method.solver.friendly import Friendly
from robustdial.method.solver.generated import Generated
from robustdial.method.solver.modes import Mode, attacked
from robustdial.method.solver.pgd import PGD
from robustdial.method.solver.replay import Carried, Replay
from robustdial.method.solver.transfer import Transferred
from robustdial.method.solver.worst_of import WorstOf
from robustdial.method.solver.yopo import YOPO

__all__ = [
    "PGD",
    "YOPO",
    "Carried",
    "Friendly",
    "Generated",
    "Memory",
    "Mode",
    "Replay",
    "Solver",
    "Step",
    "Transferred",
    "WorstOf",
    "ascend",
    "attacked",
]
