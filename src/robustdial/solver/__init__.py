"""How the adversary moves."""

from robustdial.solver.base import Memory, Solver, Step, ascend
from robustdial.solver.modes import Mode, attacked
from robustdial.solver.pgd import PGD

__all__ = ["PGD", "Memory", "Mode", "Solver", "Step", "ascend", "attacked"]
