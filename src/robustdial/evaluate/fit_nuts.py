"""The constants of MixedNUTS for a robust network, from images and what it withstands of them."""

from __future__ import annotations

import torch
from torch import nn

from robustdial.attack import Attack
from robustdial.checks import checked, whole
from robustdial.data import Source, balanced, check_part, unit
from robustdial.dial import Fit, fitted
from robustdial.evaluate.measure import attack_of
from robustdial.method.threat import Threat
from robustdial.precision import Prepared, full_precision


@checked
@torch.inference_mode(False)
def fit_nuts(robust: nn.Module, source: Source, attack: Attack | str, threat: Threat, n: int = 512) -> Fit:
    """How a robust network's logits are bent before they are mixed with another's: `mixed(a, robust, fit.nuts)`.

    Random starts follow from the state of torch's generator.

    Args:
        robust: images in [0, 1] to logits, in evaluation mode.
        source: images that the mixture is not measured on, such as `data.val`.
        attack: one, or its name, such as "pgd-20"; the stronger, the better the fit.
        threat: where the adversary may move.
        n: images to use, class-balanced, at most.

    Raises ValueError if there is no image that the network withstands, or none that it takes for something else.

    Source: Bai et al., MixedNUTS, TMLR 2024.
    """
    check_part(source)
    whole("n", n, least=1)
    f, adversary = Prepared(robust, "float32"), attack_of(attack)
    chosen = balanced(source.labels, n, torch.Generator().manual_seed(0))
    withstood, wrong = [], []
    with full_precision():
        for x, y in source.batches(list(torch.split(chosen, 128))):
            clean, attacked = f(unit(x)).detach(), f(adversary(f, unit(x), y, threat)).detach()
            right = clean.argmax(1) == y
            withstood.append(attacked[right & (attacked.argmax(1) == y)])
            wrong.append(clean[~right])
    return fitted(torch.cat(withstood), torch.cat(wrong))
