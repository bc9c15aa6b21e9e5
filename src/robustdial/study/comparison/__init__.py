"""Comparing methods: the same data, network, epochs and seeds for each, trained by turns, measured alike.

Methods take turns epoch by epoch, so that whatever slows the machine for a while slows all of them: their seconds can
be compared. Each run draws its own random numbers and lives in a run folder of its own, so its weights are those of a
run that was trained alone, and an interrupted comparison goes on where it stopped.

    runs/<name>/
      compare.json               settings and, as far as known, the table
      start-seed<s>/             the standard training that all start from, where one is asked for
      <label>-seed<s>/           the runs
      report.html                all of it on one page
"""

from robustdial.study.comparison.base import Comparison, Entry, SharedStart, reopen
from robustdial.study.comparison.interleaved import CompareStep, begin, compare
from robustdial.study.comparison.shared_start import stages

__all__ = ["CompareStep", "Comparison", "Entry", "SharedStart", "begin", "compare", "reopen", "stages"]
