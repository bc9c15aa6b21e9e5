"""Conditional models: how lambda and width reach every layer of any network."""

from robustdial.dial.dials import Dials, dial
from robustdial.dial.encoding import DCT, Cosine, CosineFunction, Encoding, OneHot, Orthogonal, Scalar
from robustdial.dial.film import Conditioner, IdentityFiLM, LinearFiLM, PaperFiLM
from robustdial.dial.fixed import Fixed, kind_of
from robustdial.dial.inventory import Site, inventory
from robustdial.dial.kind import Calibration, DialKind, no_images
from robustdial.dial.line import Interpolated, Line, OnLine, interpolated
from robustdial.dial.mixture import Mix, Mixed, Mixture, mixed
from robustdial.dial.model import Dialed, Served
from robustdial.dial.nuts import Fit, Nuts, fitted
from robustdial.dial.offer import Forward, Seat, unchanged
from robustdial.dial.radii import Proportional, Radii, Same
from robustdial.dial.recalibrate import recalibrated, reestimated
from robustdial.dial.sampling import PerBatch, PerSample, Sampling
from robustdial.dial.setting import Rows, Setting
from robustdial.dial.widths import CannotNarrow

__all__ = [
    "DCT",
    "Calibration",
    "CannotNarrow",
    "Conditioner",
    "Cosine",
    "CosineFunction",
    "DialKind",
    "Dialed",
    "Dials",
    "Encoding",
    "Fit",
    "Fixed",
    "Forward",
    "IdentityFiLM",
    "Interpolated",
    "Line",
    "LinearFiLM",
    "Mix",
    "Mixed",
    "Mixture",
    "Nuts",
    "OnLine",
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
    "fitted",
    "interpolated",
    "inventory",
    "kind_of",
    "mixed",
    "no_images",
    "recalibrated",
    "reestimated",
    "unchanged",
]
