"""AutoAttack, the field's standard cascade, and what stands for it in L0."""

from __future__ import annotations

from robustdial.attack.apgd import APGD, APGDTargeted
from robustdial.attack.cascade import Cascade
from robustdial.attack.fab import FAB
from robustdial.attack.sparse_rs import SparseRS
from robustdial.attack.spgd import SparsePGD
from robustdial.attack.square import Square


def autoattack() -> Cascade:
    """APGD on the cross-entropy, targeted APGD, targeted FAB and Square in turn, each with its published constants.

    Source: Croce & Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free
    Attacks, ICML 2020; the standard version.

    >>> [attack.name for attack in autoattack().attacks]
    ['apgd-ce', 'apgd-t', 'fab-t', 'square']
    """
    return Cascade((APGD(), APGDTargeted(), FAB(), Square()), "autoattack")


def autoattack_l1() -> Cascade:
    """AutoAttack with the constants that its authors take in L1: five starts on the cross-entropy, five classes.

    >>> [attack.name for attack in autoattack_l1().attacks]
    ['apgd-ce', 'apgd-t', 'fab-t', 'square']
    """
    return Cascade((APGD(restarts=5), APGDTargeted(classes=5), FAB(), Square()), "autoattack-l1")


def saa() -> Cascade:
    """Sparse-AutoAttack, for L0: Sparse PGD with either gradient, then Sparse-RS, 10,000 steps each.

    Source: Zhong, Huang & Liu, Towards Efficient Training and Evaluation of Robust Models against l0 Bounded
    Adversarial Perturbations, ICML 2024. Departures from their code: Sparse-RS searches on the margin and begins with
    a share of 0.3, as its authors do (theirs on the cross-entropy, with 0.8).

    >>> [attack.name for attack in saa().attacks]
    ['spgd', 'spgd-p', 'sparse-rs']
    """
    return Cascade((SparsePGD(), SparsePGD(gradient="projected"), SparseRS()), "saa")
