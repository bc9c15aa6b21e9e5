"""Attacks for measuring: stateless, holding no model, `attack(f, x, y, threat)` to adversarial images.

May import `method` (threats, losses) and the ground. In: `f`, anything that takes images in [0, 1] to logits, so that a
network of any origin can be attacked; images, labels, a threat. Out: adversarial images, one for each.
"""

from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.autoattack import autoattack, saa
from robustdial.attack.base import Attack, PGDAttack
from robustdial.attack.cascade import Cascade
from robustdial.attack.clean import Clean
from robustdial.attack.deepfool import DeepFool
from robustdial.attack.fab import FAB
from robustdial.attack.fgsm import FGSM
from robustdial.attack.losses import dlr, dlr_targeted, margin
from robustdial.attack.named import parse
from robustdial.attack.problem import answers
from robustdial.attack.search import Grid, WorstOf
from robustdial.attack.shortened import shortened
from robustdial.attack.sparse_rs import SparseRS
from robustdial.attack.spgd import SparsePGD
from robustdial.attack.square import Square
from robustdial.attack.strong import strong
from robustdial.attack.supports import check_supports
from robustdial.attack.transfer import FromAnother

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "APGDTargeted",
    "Attack",
    "Cascade",
    "Clean",
    "DeepFool",
    "FromAnother",
    "Grid",
    "PGDAttack",
    "SparsePGD",
    "SparseRS",
    "Square",
    "WorstOf",
    "answers",
    "autoattack",
    "check_supports",
    "dlr",
    "dlr_targeted",
    "margin",
    "parse",
    "saa",
    "shortened",
    "strong",
]
