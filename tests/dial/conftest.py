"""What the tests of the dial share."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # for `architectures`, the table of networks
