"""`robustdial` on a machine of its own: `elsewhere.py PLACES ...` works in PLACES/RANK, with the source there."""

import os
import sys
from pathlib import Path

own = Path(sys.argv[1], os.environ["RANK"])
os.chdir(own)
if (own / "robustdial").exists():
    sys.path.insert(0, str(own))

from robustdial.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[2:]
    main.main()
