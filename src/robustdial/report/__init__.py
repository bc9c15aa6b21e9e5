"""One folder becomes one page.

A run: the trade-off, a slider over it, its evaluations, pictures, curves and every condition. A network from elsewhere:
its evaluations. A comparison of methods: what each reached and what it cost, the Pareto front, curves and every
condition.

May import the ground alone: it computes nothing that was not measured. In: the files of a folder (`record`). Out: one
HTML file that needs nothing beside it.
"""

from robustdial.report.page import render

__all__ = ["render"]
