"""Other attack libraries run on a dialed network, on a baked one and on a file, unchanged, and find what ours finds.

They live in an environment of their own, which `make interop` makes.
"""

from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from robustdial.attack import PGDAttack, autoattack
from robustdial.data import load, unit
from robustdial.dial import Dials, dial
from robustdial.evaluate import Accuracy, measure
from robustdial.method.threat import Linf
from robustdial.models import build
from robustdial.randomness import seeded
from robustdial.recipes import oat
from robustdial.ship.export import FORMATS, Facts
from robustdial.training.engine import TrainState, fit

pytestmark = pytest.mark.filterwarnings("ignore")  # what the peers are warned of is theirs to mend
EPS, STEPS, STEP, LAM, N = 0.15, 10, 0.15 / 4, 0.7, 200
FORMS = "at", "bake", "robustbench"
OURS = {
    "FGSM": PGDAttack(1, step=1.0, noise=0.0),
    "PGD": PGDAttack(STEPS, STEP / EPS),
    "AutoAttack": autoattack(),
}


def torchattacks(f, kind):
    """Kim, Torchattacks: a PyTorch repository for adversarial attacks."""
    import torchattacks as library

    attack = {
        "FGSM": lambda: library.FGSM(f, eps=EPS),
        "PGD": lambda: library.PGD(f, eps=EPS, alpha=STEP, steps=STEPS, random_start=True),
        "AutoAttack": lambda: library.AutoAttack(f, norm="Linf", eps=EPS, n_classes=10, seed=0),
    }
    return attack[kind]()


def foolbox(f, kind):
    """Rauber et al., Foolbox Native. It has no AutoAttack."""
    import foolbox as library

    wrapped = library.PyTorchModel(f, bounds=(0, 1))
    attack = {
        "FGSM": lambda: library.attacks.LinfFastGradientAttack(),
        "PGD": lambda: library.attacks.LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=True),
    }[kind]()
    return lambda x, y: attack(wrapped, x, y, epsilons=EPS)[1]


def art(f, kind):
    """Nicolae et al., Adversarial Robustness Toolbox; its interface is numpy. Its AutoAttack is another set of attacks,
    so the two losses of Auto-PGD are taken."""
    from art.attacks import evasion
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(f, nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0, 1), device_type="cpu")
    common = {"eps": EPS, "batch_size": N}
    climb = {"eps_step": 2 * EPS, "max_iter": 50, "nb_random_init": 1, "verbose": False}
    attack = {
        "FGSM": lambda: evasion.FastGradientMethod(classifier, **common),
        "PGD": lambda: evasion.ProjectedGradientDescent(
            classifier, eps_step=STEP, max_iter=STEPS, num_random_init=1, verbose=False, **common
        ),
        "AutoAttack": lambda: evasion.AutoAttack(
            classifier,
            attacks=[
                evasion.AutoProjectedGradientDescent(classifier, loss_type=loss, **climb, **common)
                for loss in ("cross_entropy", "difference_logits_ratio")
            ],
            **common,
        ),
    }[kind]()
    return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


PEERS = {"torchattacks": torchattacks, "foolbox": foolbox, "art": art}


def case(peer, kind, form):
    """Skipped before anything is trained where there is no such library."""
    reason = f"{peer} lives in .venv-interop: make interop"
    return pytest.param(peer, kind, form, marks=pytest.mark.skipif(find_spec(peer) is None, reason=reason))


CASES = [case(peer, kind, form) for peer in PEERS for kind in ("FGSM", "PGD") for form in FORMS]
CASES += [case(peer, "AutoAttack", "at") for peer in ("torchattacks", "art")]  # it takes minutes


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def networks(digits, tmp_path_factory):
    """One position of a dial that was trained for a few seconds, in every form in which it is used."""
    torch.manual_seed(0)
    settings = {"mean": list(digits.mean), "std": list(digits.std), "width": 8}
    model = dial(build("cnn", classes=10, shape=digits.shape, **settings), Dials(lambdas=(0, 0.4, 1)))
    for _ in fit(TrainState.new(model, lr=0.1), digits, oat(eps=EPS, steps=3, lambdas=(0, 0.4, 1)), epochs=8, batch=64):
        pass
    model.eval()
    form, path = FORMATS["robustbench"], tmp_path_factory.mktemp("file") / "robustbench_model.py"
    facts = Facts("cnn", 8, digits.classes, digits.shape, digits.mean, digits.std, LAM, 1.0)
    form.write(model.bake(LAM), torch.rand(2, *digits.shape), facts, path)
    return {"at": model.at(LAM), "bake": model.bake(LAM), "robustbench": form.open(path)}


@pytest.fixture(scope="module")
def images(digits):
    x, y = next(digits.test.batches([torch.arange(N)]))
    return unit(x), y


@pytest.fixture(scope="module")
def ours(networks, digits):
    """Our accuracy under an attack, on the same images."""

    @cache
    def found(kind):
        with seeded(0):
            return measure(networks["bake"], digits.test.subset(torch.arange(N)), OURS[kind], Linf(EPS)).robust

    return found


@pytest.mark.parametrize(("peer", "kind", "form"), CASES)
def test_a_peer_finds_what_ours_finds(peer, kind, form, networks, images, ours):
    f, (x, y) = networks[form], images
    attack = PEERS[peer](f, kind)
    with seeded(0):
        np.random.seed(0)  # noqa: NPY002 (ART draws its starts from this generator)
        adv = attack(x, y).detach()
    assert (adv - x).abs().max() <= EPS + 1e-5
    assert adv.min() >= 0
    assert adv.max() <= 1
    with torch.no_grad():
        left = Accuracy(int(((f(adv).argmax(1) == y) & (f(x).argmax(1) == y)).sum()), N)
    print(f"{peer}, {kind}, {form}: {left.value:.3f}; ours {ours(kind).value:.3f}")
    low, high = ours(kind).interval
    assert low <= left.value <= high
    assert not any(module.training for module in f.modules() if not any(module.children()))
