"""Which attack it was, where its name does not say: one of somebody's own, or one with other constants."""

from __future__ import annotations

import json

from robustdial.attack import Attack, parse
from robustdial.method import describe
from robustdial.own_code import is_place
from robustdial.typing import Json


def attacked_with(attack: Attack) -> Json:
    """An attack as JSON, by all that it shows: its constants, or the digest of the file that it stands in."""
    return json.loads(json.dumps(describe(attack), default=lambda thing: type(thing).__name__))


def meant_by(name: str) -> Json:
    """What a file of an earlier version, which has the name alone, was measured with.

    It is the attack that the name stands for; None where it stands for none, as that of somebody's own does.

    >>> meant_by("pgd-20")["steps"], meant_by("mine")
    (20, None)
    """
    try:
        return None if is_place(name) else attacked_with(parse(name))
    except ValueError:
        return None
