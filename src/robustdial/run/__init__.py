"""A run: a recipe on data, in a folder from which it can be continued, measured and served."""

from robustdial.run.experiment import Experiment
from robustdial.run.network import numbers_asked, open_model, untrained
from robustdial.run.opening import rehearse, rehearse_alone, resume, start, trained
from robustdial.run.settings import CHANGEABLE, Run, data_of, device_of, read_about, unknown

__all__ = [
    "CHANGEABLE",
    "Experiment",
    "Run",
    "data_of",
    "device_of",
    "numbers_asked",
    "open_model",
    "read_about",
    "rehearse",
    "rehearse_alone",
    "resume",
    "start",
    "trained",
    "unknown",
    "untrained",
]
