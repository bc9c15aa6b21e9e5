"""Small trained dials that come with the package: `from_pretrained("robustdial/digits-radial")` finds them here.

Each is a folder that `save_pretrained` wrote: weights, what they are, and a card with the conditions of its numbers.
"""

from __future__ import annotations

from pathlib import Path

_OWNER = "robustdial"


def shipped() -> dict[str, Path]:
    """The folders of what is shipped, by the names under which it is opened.

    >>> "robustdial/digits-radial" in shipped()
    True
    """
    folders = sorted(path.parent for path in Path(__file__).parent.glob("*/config.json"))
    return {f"{_OWNER}/{folder.name}": folder for folder in folders}
