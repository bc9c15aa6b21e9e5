"""Once-for-all adversarial training: one network, its trade-off chosen at test time."""

from __future__ import annotations

from typing import Literal

from robustdial.checks import checked
from robustdial.dial import (
    DCT,
    Conditioner,
    Cosine,
    CosineFunction,
    Dials,
    Encoding,
    IdentityFiLM,
    LinearFiLM,
    OneHot,
    Orthogonal,
    PaperFiLM,
    PerBatch,
    PerSample,
    Sampling,
    Scalar,
)
from robustdial.method import Method
from robustdial.method.objective import Blend
from robustdial.method.schedule import Constant
from robustdial.method.solver import PGD, Step
from robustdial.recipes.kinds import Kind, of_kind
from robustdial.recipes.norms import Norm, threat_of
from robustdial.typing import px


@checked
def oat(
    eps: float = px(8),
    norm: Norm = "linf",
    steps: int = 7,
    lambdas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0),
    encoding: Literal["scalar", "cosine", "cosine-function", "onehot", "dct", "orthogonal"] = "cosine",
    code: int = 16,
    film: Literal["identity", "linear", "paper"] = "identity",
    sampling: Literal["sample", "batch"] = "sample",
    zeros: float | None = None,
    dual: bool = True,
    widths: tuple[float, ...] = (1.0,),
    dial: Kind = "conditional",
) -> Method:
    r"""Once-for-all adversarial training (OAT).

        min_w  E_lambda  (1 - lambda) CE(f(x, lambda), y) + lambda max_{|z| <= eps} CE(f(x + z, lambda), y)

    Lambda reaches the network through FiLM layers after its batch norms; batch norm itself has a clean branch for
    lambda = 0 and a robust one for the others. Attack: PGD in evaluation mode from a uniform start, step
    min(1.25 eps, eps + 4/255) / steps (L2: 1.25 eps / steps).

    Paper: Wang et al., Once-for-All Adversarial Training: In-Situ Tradeoff between Robustness and Accuracy for Free,
    NeurIPS 2020.

    Cost: steps + 2 passes per image with lambda > 0, 1 with lambda = 0.

    Departures from the authors' code: dual batch norm by default, as in the paper (theirs: off); FiLM starts as the
    identity (`film="paper"` restores theirs) and stands behind every batch norm, also on shortcuts; codes are cosines
    of length 16 (theirs random, of length 128: `encoding="orthogonal", code=128`); random codes are part of the
    weights.

    Their results are not quoted: their CIFAR-10 tables were not at hand.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        norm: linf, l2 or l1.
        steps: attack steps per batch.
        lambdas: trained positions of the dial; every value between them can be served too.
        encoding: how a lambda is written for the FiLM layers.
        code: length of the code (cosine, dct, orthogonal).
        film: the FiLM layers: from the identity, from the identity without a hidden layer, or the paper's.
        sampling: a lambda for each image, or one for each batch.
        zeros: share of the images trained at lambda = 0; by default 1 / number of lambdas.
        dual: batch norm of its own for lambda = 0.
        widths: trained shares of the channels, such as 0.5 1; 1 for full width only, and `oats` for the paper's.
        dial: conditional (FiLM and two branches of batch norm), or line (in weight space, for any network).
    """
    encodings: dict[str, Encoding] = {
        "scalar": Scalar(),
        "cosine": Cosine(code),
        "cosine-function": CosineFunction(code),
        "onehot": OneHot(),
        "dct": DCT(code),
        "orthogonal": Orthogonal(code),
    }
    films: dict[str, Conditioner] = {"identity": IdentityFiLM(), "linear": LinearFiLM(), "paper": PaperFiLM()}
    samplings: dict[str, Sampling] = {"sample": PerSample(zeros), "batch": PerBatch()}
    conditional = Dials(lambdas, widths, encodings[encoding], films[film], samplings[sampling], dual)
    threat = threat_of(norm, eps)
    way = min(1.25, 1 + px(4) / eps) if norm == "linf" else 1.25
    return Method(threat, PGD(Step(spread=way)), Constant(steps + 1), Blend(), of_kind(dial, conditional))
