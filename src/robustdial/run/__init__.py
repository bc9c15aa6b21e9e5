"""A run: a recipe on data, in a folder from which it can be continued, measured and served.

May import `evaluate`, `training`, `recipes` and what is below. In: the name of a recipe, its knobs and the settings
`Run`, or the folder of a run. Out: an `Experiment`, whose files `record` describes; a network and a data set that are
opened together are matched by class name.
"""

from robustdial.run.about import read_about, unknown
from robustdial.run.calibration import training_part
from robustdial.run.device import device_of
from robustdial.run.experiment import Experiment
from robustdial.run.mixing import Place, mix_given, settings_of
from robustdial.run.network import numbers_asked, open_model, told_of, untrained
from robustdial.run.opening import rehearse, rehearse_alone, resume, start, trained
from robustdial.run.places import data_of, places_of, relocated
from robustdial.run.settings import CHANGEABLE, Run
from robustdial.run.strangers import is_stranger, notes_on_strangers

__all__ = [
    "CHANGEABLE",
    "Experiment",
    "Place",
    "Run",
    "data_of",
    "device_of",
    "is_stranger",
    "mix_given",
    "notes_on_strangers",
    "numbers_asked",
    "open_model",
    "places_of",
    "read_about",
    "rehearse",
    "rehearse_alone",
    "relocated",
    "resume",
    "settings_of",
    "start",
    "told_of",
    "trained",
    "training_part",
    "unknown",
    "untrained",
]
