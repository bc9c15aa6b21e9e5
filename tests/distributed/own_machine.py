"""`robustdial` on a machine of its own: `own_machine.py PLACES ...` works in PLACES/RANK, with the source there."""

import os
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    own = Path(sys.argv.pop(1), os.environ["RANK"])
    os.chdir(own)
    if (own / "robustdial").exists():
        sys.path.insert(0, str(own))
    import_module("robustdial.cli.main").main()


if __name__ == "__main__":
    main()
