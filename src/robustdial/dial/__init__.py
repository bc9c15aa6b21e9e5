"""Conditional models: how lambda and width reach every layer of any network."""

from robustdial.dial.dials import Dials, Fixed, Forward, Seat
from robustdial.dial.encoding import DCT, Cosine, CosineFunction, Encoding, OneHot, Orthogonal, Scalar
from robustdial.dial.film import Conditioner, IdentityFiLM, LinearFiLM, PaperFiLM
from robustdial.dial.inventory import Site, inventory
from robustdial.dial.model import Dialed, Served
from robustdial.dial.radii import Proportional, Radii, Same
from robustdial.dial.recalibrate import recalibrated, reestimated
from robustdial.dial.sampling import PerBatch, PerSample, Sampling
from robustdial.dial.setting import Rows, Setting
from robustdial.dial.surgery import dial
from robustdial.dial.widths import CannotNarrow

__all__ = [
    "DCT",
    "CannotNarrow",
    "Conditioner",
    "Cosine",
    "CosineFunction",
    "Dialed",
    "Dials",
    "Encoding",
    "Fixed",
    "Forward",
    "IdentityFiLM",
    "LinearFiLM",
    "OneHot",
    "Orthogonal",
    "PaperFiLM",
    "PerBatch",
    "PerSample",
    "Proportional",
    "Radii",
    "Rows",
    "Same",
    "Sampling",
    "Scalar",
    "Seat",
    "Served",
    "Setting",
    "Site",
    "dial",
    "inventory",
    "recalibrated",
    "reestimated",
]
