"""`robustdial` in which process 1 is killed at its fourth batch, unless it was started anew."""

import json
import os
import signal
import sys
from pathlib import Path

from robustdial.cli import main
from robustdial.cli.commands import training_progress

CARRY_OUT, RANK, ATTEMPT = training_progress.training_loop, os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]


def carried_out(experiment):
    if RANK == "0":
        path = Path(experiment.folder) / "restarts.json"
        before = json.loads(path.read_text()) if path.exists() else []
        path.write_text(json.dumps([*before, ATTEMPT]))
    for number, done in enumerate(CARRY_OUT(experiment), start=1):
        yield done
        if (RANK, ATTEMPT, number) == ("1", "0", 4):
            os.kill(os.getpid(), signal.SIGKILL)


training_progress.training_loop = carried_out
sys.exit(main.run(sys.argv[1:]))
