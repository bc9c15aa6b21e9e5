"""One folder becomes one page.

A run: the trade-off, a slider over it, pictures, curves and every condition. A comparison of methods: what each reached
and what it cost, the Pareto front, curves and every condition.
"""

from robustdial.report.page import render

__all__ = ["render"]
