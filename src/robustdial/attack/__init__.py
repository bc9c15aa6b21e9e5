"""Attacks for measuring: stateless, holding no model, `attack(f, x, y, threat)` to adversarial images.

`f` is anything that takes images in [0, 1] to logits, so that a network of any origin can be attacked.
"""

from robustdial.attack.aim import answers
from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.autoattack import autoattack
from robustdial.attack.base import Attack, PGDAttack
from robustdial.attack.cascade import Cascade
from robustdial.attack.deepfool import DeepFool
from robustdial.attack.fab import FAB
from robustdial.attack.fgsm import FGSM
from robustdial.attack.lean import lean
from robustdial.attack.losses import dlr, dlr_targeted, margin
from robustdial.attack.named import parse
from robustdial.attack.search import Grid, WorstOf
from robustdial.attack.square import Square
from robustdial.attack.strong import strong
from robustdial.attack.suits import check_suits
from robustdial.attack.transfer import FromAnother
from robustdial.attack.untouched import Untouched

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "APGDTargeted",
    "Attack",
    "Cascade",
    "DeepFool",
    "FromAnother",
    "Grid",
    "PGDAttack",
    "Square",
    "Untouched",
    "WorstOf",
    "answers",
    "autoattack",
    "check_suits",
    "dlr",
    "dlr_targeted",
    "lean",
    "margin",
    "parse",
    "strong",
]
