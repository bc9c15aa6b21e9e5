"""Two trainings that fit into the time: M+DEAT, and `radial` with its dial; then APGD on cross-entropy and on targets.

How many epochs fit is told by a few updates before. The numbers say that it trains here, and how fast; a published
training takes longer.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from gpu_place import Place

from robustdial.attack import APGD, APGDTargeted, Cascade
from robustdial.data import CropFlip, Data, load
from robustdial.dial import Fixed
from robustdial.evaluate import measure
from robustdial.method import Method
from robustdial.models import build
from robustdial.precision import Prepared, resolve
from robustdial.recipes import m_deat, radial
from robustdial.training import TrainState, fit, steps
from robustdial.typing import px

BATCH = 256
EPOCHS = 30
"""At the most."""
FOR_LEARNING = 0.7
"""Share of the time; the rest is for attacks."""
ATTACK = Cascade((APGD(steps=50), APGDTargeted(steps=50)), "apgd-ce+t")


def part(place: Place) -> dict[str, Any]:
    """Accuracies of both trainings, at each end of the dial where there is one."""
    data = load(place.data or "digits", **({"limit": 400} if place.quick else {}))
    data = (data if place.data is None else _augmented(data)).to(place.device)
    found: dict[str, Any] = {}
    for name, method in {"m-deat": m_deat(most=4), "radial": radial(steps=2 if place.quick else 7, warm=0.25)}.items():
        seconds = place.seconds_left / (2 - len(found))
        found[name] = _trained(place, data, method, seconds) if place.fits(name) else None
    return found


def _augmented(data: Data) -> Data:
    return replace(data, augment=CropFlip(4))


def _state(place: Place, data: Data, method: Method) -> TrainState:
    torch.manual_seed(0)
    kind, width = ("cnn", 8) if place.quick else ("preact_resnet18", 64)
    facts = {"classes": len(data.classes), "shape": data.shape, "mean": data.mean, "std": data.std}
    model = build(kind, width=width, **facts)
    model = model if isinstance(method.dial, Fixed) else method.dial.put_on(model)
    state = TrainState.new(model.to(place.device), lr=0.1)
    state.forward = Prepared(state.model, resolve("auto", place.device), compiled=place.device.type == "cuda")
    return state


def _trained(place: Place, data: Data, method: Method, seconds: float) -> dict[str, Any]:
    began = time.perf_counter()
    epochs = _epochs(place, data, method, seconds * FOR_LEARNING)
    state = _state(place, data, method)
    log = [
        {name: epoch[name] for name in ("epoch", "loss", "clean", "adv", "passes", "seconds")}
        for epoch in fit(state, data, method, epochs=epochs, batch=BATCH)
    ]
    place.done()
    learned = time.perf_counter() - began
    model, number = state.model.eval(), 32 if place.quick else 512
    images = data.test.subset(torch.arange(min(number, len(data.test))))
    results = {}
    for lam in (None,) if isinstance(method.dial, Fixed) else (0.0, 0.5, 1.0):
        name = "plain" if lam is None else f"lambda {lam:g}"
        if time.perf_counter() - began > seconds:
            place.left_out.append(f"APGD at {name}")
            continue
        network = model if lam is None else model.bake(lam)
        found = measure(network, images, ATTACK, method.threat, batch=number)
        results[name] = {"clean": found.clean.value, "robust": found.robust.value, "n": found.clean.n}
    return {
        "epochs": epochs,
        "seconds of learning, compiling included": round(learned, 1),
        "images per second in the last epoch": round(len(data.train) / log[-1]["seconds"]),
        "log": log,
        f"{ATTACK.name}, {method.threat.name} {method.threat.radius / px(1):g}/255": results,
    }


def _epochs(place: Place, data: Data, method: Method, seconds: float) -> int:
    """How many epochs fit, by the second half of some updates; the first half compiles."""
    if place.quick:
        return 2
    state, times = _state(place, data, method), []
    for step in steps(state, data, method, epochs=1, batch=BATCH):
        place.done()
        times.append(time.perf_counter())
        if step.batch == 20 or step.batch == step.batches:
            break
    each = (times[-1] - times[len(times) // 2]) / max(len(times) - 1 - len(times) // 2, 1)
    left = seconds - (times[-1] - times[0])
    return min(max(int(left / (each * len(data.train) / BATCH)), 2), EPOCHS)
