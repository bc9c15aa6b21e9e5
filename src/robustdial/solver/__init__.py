"""How the adversary moves."""

from robustdial.solver.base import Memory, Solver, Step, ascend
from robustdial.solver.friendly import Friendly
from robustdial.solver.generated import Generated
from robustdial.solver.modes import Mode, attacked
from robustdial.solver.pgd import PGD
from robustdial.solver.replay import Carried, Replay
from robustdial.solver.transfer import Transferred
from robustdial.solver.worst_of import WorstOf
from robustdial.solver.yopo import YOPO

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
