"""The linear theory of robust self-training: why correct extra data can raise the error, and how that is avoided.

Source: Raghunathan, Xie, Yang, Duchi, Liang, Understanding and Mitigating the Tradeoff between Robustness and Accuracy,
ICML 2020. Everything is exact and small: float64, no training, no sampling.

- `standard`, `augmented`, `x_regularised`, `rst`: four ways to choose a predictor that fits the labelled points;
- `Population`, `standard_error`, `robust_error`: what a predictor is worth;
- `gain`: what one more correct point does to the standard error, in closed form; `directions`: the same over a circle;
- `Staircase`, `long_tail`: the paper's example;
- `Labelled`: points with targets.

May import nothing of the library. In: points and covariances as arrays. Out: numbers.

A predictor is a vector theta `[d]`, its prediction at features x `[d]` is x'theta.
"""

from robustdial.theory.circle import Directions, directions
from robustdial.theory.errors import Population, robust_error, standard_error
from robustdial.theory.estimators import augmented, rst, standard, x_regularised
from robustdial.theory.gain import gain
from robustdial.theory.labelled import Labelled
from robustdial.theory.staircase import Staircase, long_tail

__all__ = [
    "Directions",
    "Labelled",
    "Population",
    "Staircase",
    "augmented",
    "directions",
    "gain",
    "long_tail",
    "robust_error",
    "rst",
    "standard",
    "standard_error",
    "x_regularised",
]
