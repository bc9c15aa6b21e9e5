"""A recipe of one's own: five nouns put together. Its arguments are its knobs.

The recipe below ships in no paper: the dial of OAT, whose adversaries are replayed (as in Free and DEAT), under the
magnitude rule.
"""

from __future__ import annotations

import robustdial as rd


def replayed_oat(
    eps: float = 8 / 255, most: int = 6, gamma: float = 1.01, lambdas: tuple[float, ...] = (0, 0.3, 1)
) -> rd.Method:
    """Once-for-all training with replays under the magnitude rule.

    Args:
        eps: radius of the threat, in pixels of [0, 1].
        most: largest number of replays.
        gamma: growth of the gradient that is tolerated.
        lambdas: trained positions of the dial.
    """
    return rd.Method(
        threat=rd.Linf(eps),
        solver=rd.Replay(rd.Step(spread=1.25)),
        schedule=rd.Magnitude(gamma, most),
        objective=rd.Blend(),
        dial=rd.Dials(lambdas=lambdas),
    )


def main(epochs: int = 5) -> None:
    """Train it on digits, and look at the ends of its dial."""
    data, method = rd.load("digits"), replayed_oat(eps=0.2)
    plain = rd.build("cnn", classes=10, shape=data.shape, mean=data.mean, std=data.std, width=8)
    model = rd.dial(plain, method.dial)
    for epoch in rd.fit(rd.TrainState.new(model), data, method, epochs=epochs, batch=64):
        print(f"epoch {epoch['epoch']}: {epoch['passes']} passes, loss {epoch['loss']:.2f}")
    for lam in (0.0, 1.0):
        clean, robust = rd.measure(model.eval().at(lam), data.test, rd.PGDAttack(10), rd.Linf(0.2))
        print(f"lambda {lam:g}: clean {clean.value:.1%}, robust {robust.value:.1%}")


if __name__ == "__main__":
    main()
