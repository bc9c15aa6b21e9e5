"""Published methods, one paper per file, one function per method: keyword arguments are the paper's knobs.

May import `method`, `dial`, `generator` and what is below them; trains nothing itself. In: the knobs. Out: a `Method`,
five nouns put together, which any training loop can follow. `RECIPES` lists them by name, `taxonomy` by kind.
"""

from __future__ import annotations

from collections.abc import Callable

from robustdial.checks import nearest
from robustdial.method import Method
from robustdial.own_code import is_place
from robustdial.recipes.aaer import n_aaer, rs_aaer
from robustdial.recipes.agat import agat, agat_corruptions, agat_oat, random_attributes
from robustdial.recipes.amata import amata
from robustdial.recipes.atta import atta
from robustdial.recipes.clean import clean
from robustdial.recipes.composed import COMPOSED, composed
from robustdial.recipes.deat import deat_d, deat_p, m_deat, m_mart, m_nfgsm, m_pgd, m_trades
from robustdial.recipes.elle import elle
from robustdial.recipes.fat import fat, fat_mart, fat_trades
from robustdial.recipes.fgsm import fgsm, fgsm_rs
from robustdial.recipes.fgsm_pgi import fgsm_pgi
from robustdial.recipes.free import free
from robustdial.recipes.gat import gat, gat_oat
from robustdial.recipes.gradalign import gradalign
from robustdial.recipes.guided_at import guided_at
from robustdial.recipes.hat import hat
from robustdial.recipes.liet import liet
from robustdial.recipes.localized import localized, localized_oat
from robustdial.recipes.m_oat import m_oat
from robustdial.recipes.mart import mart
from robustdial.recipes.mix import mix
from robustdial.recipes.n_fgsm import n_fgsm
from robustdial.recipes.norms import Norm, threat_of
from robustdial.recipes.nuat import nuat
from robustdial.recipes.oat import oat
from robustdial.recipes.oats import oats
from robustdial.recipes.own import own_recipe
from robustdial.recipes.pgd_at import pgd_at
from robustdial.recipes.radial import radial, radial_nfgsm, radial_trades
from robustdial.recipes.rslad import rslad
from robustdial.recipes.self_training import rst, rst_oat, rst_spatial, rst_trades, spatial_at
from robustdial.recipes.several_norms import avg_at, e_at, max_at
from robustdial.recipes.trades import trades
from robustdial.recipes.yopo import yopo
from robustdial.recipes.zerograd import zerograd

Recipe = Callable[..., Method]

RECIPES: dict[str, Recipe] = {
    "radial": radial,
    "radial-trades": radial_trades,
    "radial-nfgsm": radial_nfgsm,
    "oat": oat,
    "oats": oats,
    "m-oat": m_oat,
    "clean": clean,
    "pgd-at": pgd_at,
    "m-pgd": m_pgd,
    "trades": trades,
    "fat-trades": fat_trades,
    "m-trades": m_trades,
    "hat": hat,
    "mart": mart,
    "fat-mart": fat_mart,
    "m-mart": m_mart,
    "fat": fat,
    "amata": amata,
    "free": free,
    "deat-d": deat_d,
    "deat-p": deat_p,
    "m-deat": m_deat,
    "m-nfgsm": m_nfgsm,
    "yopo": yopo,
    "atta": atta,
    "fgsm": fgsm,
    "fgsm-rs": fgsm_rs,
    "gradalign": gradalign,
    "n-fgsm": n_fgsm,
    "fgsm-pgi": fgsm_pgi,
    "guided-at": guided_at,
    "nuat": nuat,
    "elle": elle,
    "liet": liet,
    "rs-aaer": rs_aaer,
    "n-aaer": n_aaer,
    "zerograd": zerograd,
    "gat": gat,
    "gat-oat": gat_oat,
    "e-at": e_at,
    "max-at": max_at,
    "avg-at": avg_at,
    "rslad": rslad,
    "rst": rst,
    "rst-trades": rst_trades,
    "rst-oat": rst_oat,
    "rst-spatial": rst_spatial,
    "spatial-at": spatial_at,
    "agat": agat,
    "agat-corruptions": agat_corruptions,
    "agat-oat": agat_oat,
    "random-attributes": random_attributes,
    "localized": localized,
    "localized-oat": localized_oat,
}


UNTRAINED: dict[str, Recipe] = {"mix": mix}
"""What stands behind runs that no training made."""


def recipe(name: str) -> Recipe:
    """The recipe of a name, or of a place in a file: `file.py:recipe`. Raises ValueError with the nearest name."""
    if is_place(name):
        return own_recipe(name)
    if name in UNTRAINED:
        return UNTRAINED[name]
    if name == COMPOSED:
        return composed
    if name not in RECIPES:
        near = nearest(name, tuple(RECIPES))
        raise ValueError(f"There is no recipe {name!r}. The nearest is {near!r}; all of them: {', '.join(RECIPES)}.")
    return RECIPES[name]


__all__ = [
    "RECIPES",
    "UNTRAINED",
    "Norm",
    "Recipe",
    "agat",
    "agat_corruptions",
    "agat_oat",
    "amata",
    "atta",
    "avg_at",
    "clean",
    "deat_d",
    "deat_p",
    "e_at",
    "elle",
    "fat",
    "fat_mart",
    "fat_trades",
    "fgsm",
    "fgsm_pgi",
    "fgsm_rs",
    "free",
    "gat",
    "gat_oat",
    "gradalign",
    "guided_at",
    "hat",
    "liet",
    "localized",
    "localized_oat",
    "m_deat",
    "m_mart",
    "m_nfgsm",
    "m_oat",
    "m_pgd",
    "m_trades",
    "mart",
    "max_at",
    "n_aaer",
    "n_fgsm",
    "nuat",
    "oat",
    "oats",
    "pgd_at",
    "radial",
    "radial_nfgsm",
    "radial_trades",
    "random_attributes",
    "recipe",
    "rs_aaer",
    "rslad",
    "rst",
    "rst_oat",
    "rst_spatial",
    "rst_trades",
    "spatial_at",
    "threat_of",
    "trades",
    "yopo",
    "zerograd",
]
