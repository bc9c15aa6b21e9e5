"""`robustdial` in which process 1 is killed at its fourth batch, unless it was started anew."""

import json
import os
import signal
import sys
from pathlib import Path

from robustdial.cli import main
from robustdial.cli.commands import training_progress

TRAIN = training_progress.training_loop


def interrupted(experiment):
    rank, attempt = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]
    if rank == "0":
        path = Path(experiment.folder) / "restarts.json"
        before = json.loads(path.read_text()) if path.exists() else []
        path.write_text(json.dumps([*before, attempt]))
    for number, done in enumerate(TRAIN(experiment), start=1):
        yield done
        if (rank, attempt, number) == ("1", "0", 4):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    training_progress.training_loop = interrupted
    sys.exit(main.run(sys.argv[1:]))
