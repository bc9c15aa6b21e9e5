"""One run folder becomes one page: the trade-off, a slider over it, pictures, curves and every condition."""

from robustdial.report.page import render

__all__ = ["render"]
