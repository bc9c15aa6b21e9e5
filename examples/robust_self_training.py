"""Few labels, many images: robust self-training on the handwritten digits, in under a minute and without a download.

    python examples/robust_self_training.py

A standard network learns from 100 labelled images and guesses the labels of the others. Adversarial training then has
the labelled images alone, or both kinds in every batch; both make the same number of updates.
"""

from __future__ import annotations

import torch

import robustdial as rd
from robustdial.attack import parse

EPS, LABELLED, BATCH = 0.15, 100, 64


def network(data: rd.Data, seed: int = 0) -> torch.nn.Module:
    """A fresh small network."""
    torch.manual_seed(seed)
    return rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)


def trained(data: rd.Data, method: rd.Method, epochs: int) -> torch.nn.Module:
    """A network after so many epochs of a method."""
    state = rd.TrainState.new(network(data), lr=0.05)
    for _ in rd.fit(state, data, method, epochs=epochs, batch=BATCH):
        pass
    return state.model.eval()


def accuracies(net: torch.nn.Module, data: rd.Data, attack: str) -> str:
    """Clean and robust accuracy on the test images, with 95 % intervals."""
    torch.manual_seed(0)
    found = rd.measure(net, data.test, parse(attack), rd.Linf(EPS))
    return " / ".join(f"{a.value:.1%} ({a.interval[0]:.1%} to {a.interval[1]:.1%})" for a in found)


def main(epochs: int = 10, attack: str = "pgd-20") -> None:
    """Train the three networks and print what they reach."""
    data = rd.load("digits", labelled=LABELLED)
    updates = epochs * ((len(data.train) + len(data.unlabelled or ())) // BATCH)
    alone = updates // (LABELLED // BATCH)  # epochs of the labelled images that make as many updates
    teacher = trained(data, rd.clean(eps=EPS), alone)
    taught = rd.pseudo_labelled(data, teacher)
    robust = trained(data, rd.rst(eps=EPS, steps=5, unlabelled_share=0.0), alone)
    student = trained(taught, rd.rst(eps=EPS, steps=5), epochs)
    print(f"{LABELLED} images with labels, {len(data.unlabelled or ())} without; n = {len(data.test)}")
    print(f"clean / robust accuracy ({attack}, eps {EPS})")
    for name, net in (("standard", teacher), ("adversarial", robust), ("self-training", student)):
        print(f"{name:14} {accuracies(net, data, attack)}")


if __name__ == "__main__":
    main()
