"""The run folder: what it holds, written atomically, read back with care. Knows nothing of training.

    runs/<name>/
      run.json              recipe, knobs, method, data, model, versions, machine, commit, command
      epochs.jsonl          one line per finished epoch
      last.safetensors      the whole training state; last.json repeats its description for a reader
      healthy.safetensors   the training state to go back to when a dial, or a run with --on-trouble rollback, fails
      troubles.jsonl        what went wrong, and what was done about it
      pseudo.safetensors    the labels that a teacher gave to unlabelled images; pseudo.json says which
      best.safetensors      the network that did best on the validation part; best.json likewise
      frontier.json         accuracy over lambda and width, and what each width costs
      choose.json           points on the validation part, and what was chosen among them
      *-before.json         either of these as it was under other conditions or earlier weights
      cross.json            accuracy where attack and network stand at different lambdas
      cross-rounds.*        what is known of each image of it, finished or not
      score.json            evaluations
      also.json             more columns of a comparison: in bad weather, under other threats
      standing/             what is known of each image of an evaluation, finished or not
      extremes-*            the images that fell most easily and stand most firmly in it
      pictures.safetensors  a few images with their adversaries
      report.html           all of it on one page

    runs/<generator>/       a generator
      generator.json        its settings, its data, machine, versions, commit, command
      average.safetensors   the network to use, an average over its training
      epochs.jsonl          one line per finished epoch
      last.safetensors      the whole training state
      samples.png           random images, and images beside what is made of them

    runs/<comparison>/      the runs of several methods and seeds, and over them
      compare.json          what they reached and what they cost
      report.html           all of it on one page

    names.py    the names above
    errors.py   what is said when a file cannot be written
    lock.py     who writes
    disk.py     files that are there whole or not at all
    shape.py    what is wrong with a piece of JSON
    forms.py    what each file must hold
    settings.py settings, held against what takes them
    objects.py  JSON objects as files
    lines.py    files of JSON lines
    tensors.py  tensors with their description and a digest
    folder.py   a folder is begun

Every file of a run is read here, and one that is damaged is refused in one line that names it and the remedy.
"""

from robustdial.record.disk import make_folder, put_in_place, staged, sweep, write_file, write_text
from robustdial.record.errors import named
from robustdial.record.folder import check_free, create, create_untrained, opened, read_run, served_weights
from robustdial.record.forms import BAKED, BEGUN_COMPARISON, MEASURED_POINTS, NETWORK
from robustdial.record.lines import (
    append_epoch,
    append_line,
    keep_epochs,
    read_epochs,
    read_lines,
    read_training,
    write_lines,
)
from robustdial.record.lock import Hold, changing
from robustdial.record.names import (
    AGAIN,
    ALSO,
    BEST,
    CARD,
    CHOOSE,
    COMPARE,
    CONFIG,
    CROSS,
    DESCRIBED,
    EPOCHS,
    EXTREMES,
    FRONTIER,
    GENERATOR,
    GIVEN,
    HEALTHY,
    LAST,
    NEVER,
    PICTURES,
    PSEUDO,
    REPORT,
    ROUNDS,
    RUN,
    SAMPLES,
    SCORE,
    STANDING,
    TROUBLES,
    WEIGHTS,
)
from robustdial.record.objects import read_json, write_json
from robustdial.record.settings import settings_fault
from robustdial.record.shape import fault
from robustdial.record.tensors import (
    fingerprint,
    kinds_in,
    misfits,
    read_sealed,
    read_tensors,
    write_sealed,
    write_tensors,
)

__all__ = [
    "AGAIN",
    "ALSO",
    "BAKED",
    "BEGUN_COMPARISON",
    "BEST",
    "CARD",
    "CHOOSE",
    "COMPARE",
    "CONFIG",
    "CROSS",
    "DESCRIBED",
    "EPOCHS",
    "EXTREMES",
    "FRONTIER",
    "GENERATOR",
    "GIVEN",
    "HEALTHY",
    "LAST",
    "MEASURED_POINTS",
    "NETWORK",
    "NEVER",
    "PICTURES",
    "PSEUDO",
    "REPORT",
    "ROUNDS",
    "RUN",
    "SAMPLES",
    "SCORE",
    "STANDING",
    "TROUBLES",
    "WEIGHTS",
    "Hold",
    "append_epoch",
    "append_line",
    "changing",
    "check_free",
    "create",
    "create_untrained",
    "fault",
    "fingerprint",
    "keep_epochs",
    "kinds_in",
    "make_folder",
    "misfits",
    "named",
    "opened",
    "put_in_place",
    "read_epochs",
    "read_json",
    "read_lines",
    "read_run",
    "read_sealed",
    "read_tensors",
    "read_training",
    "served_weights",
    "settings_fault",
    "staged",
    "sweep",
    "write_file",
    "write_json",
    "write_lines",
    "write_sealed",
    "write_tensors",
    "write_text",
]
