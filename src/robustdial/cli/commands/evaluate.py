"""`robustdial evaluate`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from robustdial.attack import Attack, check_supports, parse, shortened
from robustdial.cli.commands.evaluation_progress import evaluate_with_progress
from robustdial.cli.console import print_notes
from robustdial.cli.quantities import radius, threats
from robustdial.cli.terminal import console
from robustdial.cli.usage import UsageError, choose
from robustdial.data import Data, Part, class_names, few, load_to_measure, renumbered
from robustdial.method.threat import Ball, Linf, Masked, Threat
from robustdial.models import known
from robustdial.own_code import told
from robustdial.precision import Precision, resolve
from robustdial.recipes import Norm, threat_of
from robustdial.run import device_of, trained
from robustdial.study.evaluation import (
    EXTRAS,
    Evaluation,
    Subject,
    check_gradient,
    drawn_anew,
    foreign,
    load_foreign,
    of_run,
)
from robustdial.study.tradeoff import lambdas_of, part_of
from robustdial.typing import px

Chosen = Literal["train", "val", "test", "none"]


def evaluate(
    run: Path | None = None,
    /,
    lam: float | None = None,
    width: float | None = None,
    model: str | None = None,
    weights: Path | None = None,
    output: str | None = None,
    data: str | None = None,
    root: str | None = None,
    size: int | None = None,
    label: str | None = None,
    image: str | None = None,
    background: str | None = None,
    classes: str | None = None,
    norm: Norm | None = None,
    eps: str | None = None,
    threat: str | None = None,
    attack: str = "pgd-20",
    budget: float = 1.0,
    n: int | None = None,
    seed: int = 0,
    batch: int = 64,
    device: str = "auto",
    compile: bool = False,
    search: Precision = "float32",
    also: tuple[str, ...] = (),
    shard: str | None = None,
    chosen_on: Chosen | None = None,
    out: Path | None = None,
) -> int:
    """Measure a network under attack: robustdial evaluate runs/x --lam 0.4 --attack autoattack --n 1000

    Test images, verdicts in float32. The result goes into score.json, the page is drawn anew. What is known of each
    image is kept every few seconds: after a kill, the same command goes on.

    Args:
        run: folder of a run; its best network is measured.
        lam: position of the dial; every trained one by default.
        width: share of the channels.
        model: instead of a run, a function that builds a network of images in [0, 1]: file.py:build, which is told
            classes and shape where these have no default, or package.module:build, which is told nothing; or timm:NAME.
        weights: safetensors for --model.
        output: which part of what --model returns is logits, where it returns more: a number of a tuple, such as 0, or
            a name, such as logits.
        data: images for --model, as in training, of which those that are not divided into parts are measured as a
            whole; for a run, where its images are now, or others.
        root: folder of downloaded data sets.
        size: side of the images for --model, for folders and hubs.
        label: column of the labels for --model, of data with several that might be.
        image: column of the images for --model, of data with several that might be.
        background: colour that shows through transparent pixels, for --model; white by default.
        classes: class names in the order of the logits of --model, where that of the data is another: cat,dog,owl,
            or a file with a name on each line, or JSON {"cat": 0, "dog": 1}.
        norm: linf, l2 or l1; by default that of the run, linf for --model. Named, it is over the whole image, also
            where the adversary of the run had a part of it.
        eps: radius, 8/255, 8px or 0.031; by default that of the run, 8/255 for --model.
        threat: a norm with its radius, l0:24 (pixels), or several: linf:8/255+l2:0.5+l1:12. Measured under each, and
            for the images that stand under all; instead of --norm and --eps.
        attack: pgd-K, cw-K on the margin loss, pgd-KxR from R starts, fgsm, deepfool, apgd-ce, apgd-dlr, apgd-t, fab-t,
            square, autoattack, worst-of-K, grid; in l0 spgd-K, spgd-p-K, sparse-rs-K, saa; or several joined by +.
        budget: share of the attack's iterations. Below 1 the result is an upper bound, and the full attack is tried on
            a sample to say how loose it is.
        n: class-balanced test images to use; all by default.
        seed: of random starts.
        batch: images to attack at once.
        device: auto, cpu or cuda.
        compile: run the network through torch.compile.
        search: number format in which attacks follow gradients: float32, bfloat16, or auto, bfloat16 where the hardware
            has it, for less time. Square asks in float32, and whether an image counts is decided in float32.
        also: more than one number: curve (accuracy at every radius), corruptions (noise, blur, weather, compression),
            unseen (other norms, rotations and translations), warps (turned, moved and skewed images), background (what
            happens if it alone is changed).
        shard: k/m measures part k (from 0) of m; processes on any machines that share the folder make the whole. Under
            torchrun by itself.
        chosen_on: part of the data that decided which checkpoint --model is, for the checks; none if it is the last.
        out: folder of the results for --model.
    """
    full, asked = parse(attack), _Asked(_threat_named(threat, norm, eps), norm, eps, n, device)
    short, part = shortened(full, budget), _shard(shard)
    for name in also:
        choose(name, tuple(EXTRAS), "part")
    if run is not None and model is not None:
        raise UsageError(f"{run} and --model {model} are two networks. Give one of them.")
    if model is not None and ":" not in model and not known(model):
        raise UsageError(f"--model {model} names no function. Write file.py:build; a run is named without --model.")
    if run is None and model is None:
        raise UsageError("Name a run folder, or a network with --model file.py:build --data NAME. See --help.")
    of_others = {"--weights": weights, "--output": output, "--root": root, "--size": size, "--label": label}
    of_others |= {"--image": image, "--background": background, "--classes": classes, "--out": out}
    _refuse(of_others | {"--chosen-on": chosen_on} if run else {"--lam": lam, "--width": width}, run is not None)
    if run is not None:
        subjects = _of_run(run, lam, 1.0 if width is None else width, data, asked, full)
    else:
        read = {"root": root, "size": size, "label": label, "image": image, "background": background}
        network, images = _Network(str(model), weights, output), _images(data, read, classes)
        subjects = iter([_of_model(network, images, out, asked, chosen_on, full, batch)])
    for subject in subjects:
        form = resolve(search, subject.device)
        evaluation = Evaluation(subject, short, seed, batch, part, form, compile)
        evaluate_with_progress(evaluation, None if budget == 1 else full, also)
    return 0


def _threat_named(text: str | None, norm: Norm | None, eps: str | None) -> Threat | None:
    """The threat of --threat; None without one."""
    if text is None:
        return None
    if norm is not None or eps is not None:
        raise UsageError("--threat names norms and radii. Leave out --norm and --eps.")
    return threats(text)


class _Asked(NamedTuple):
    named: Threat | None
    norm: Norm | None
    eps: str | None
    n: int | None
    device: str

    def threat(self, own: Threat) -> Threat:
        """`own`, with what is asked in its place."""
        if self.named is not None:
            return self.named
        if self.norm is None and self.eps is None:
            return own
        if not isinstance(own, Ball) and (self.norm is None or self.eps is None):
            raise UsageError(f"{own.name} has no norm. Give --norm and --eps both, or neither for {own.name} itself.")
        ball = own.threat if isinstance(own, Masked) else own
        norm = cast(Norm, ball.name.lower())
        if self.norm not in (None, norm) and self.eps is None:
            raise UsageError(f"--norm {self.norm} needs a radius of its own. Give --eps, for example 0.5.")
        asked = threat_of(self.norm or norm, own.radius if self.eps is None else radius(self.eps))
        return replace(own, threat=asked) if isinstance(own, Masked) and self.norm is None else asked


def _of_run(
    folder: Path, lam: float | None, width: float, data: str | None, asked: _Asked, attack: Attack
) -> Iterator[Subject]:
    experiment = trained(folder, asked.device, place=data)
    print_notes(experiment.data.notes)
    threat = asked.threat(experiment.method.threat)
    check_supports(attack, threat)
    lams = (lam,) if lam is not None else lambdas_of(experiment.method.dial)
    return (of_run(experiment, one, width, n=asked.n, threat=threat) for one in lams)


class _Network(NamedTuple):
    place: str
    weights: Path | None
    output: str | None


def _of_model(
    which: _Network,
    measured: tuple[Data, Part],
    out: Path | None,
    asked: _Asked,
    chosen_on: Chosen | None,
    attack: Attack,
    batch: int,
) -> Subject:
    data, part = measured
    print_notes(data.notes)
    folder = out or Path("runs") / re.sub(r"\W+", "-", which.place).strip("-")
    about = {"classes": len(data.classes), "shape": data.shape}  # its mean would be that of the images measured
    device, network = device_of(asked.device), load_foreign(*which, about)
    images = part_of(getattr(data, part), asked.n).to(device)
    threat = asked.threat(Linf(px(8)))
    check_supports(attack, threat)
    drawn = None if which.weights or known(which.place) else drawn_anew(network, which.place, about)
    with told(f"The network cannot be moved to {device}"):
        network.to(device)
    name = which.place if which.output is None else f"{which.place}, output {which.output}"
    subject = foreign(network, name, data, images, threat, folder, part=part, chosen_on=chosen_on, batch=batch)
    check_gradient(subject.f, images, attack)
    if drawn is None:
        return subject
    console.print(f"network: {drawn}", markup=False, soft_wrap=True)
    return replace(subject, notes=(*subject.notes, drawn))


def _refuse(flags: Mapping[str, object], run: bool) -> None:
    """Flags that would do nothing are not passed over in silence."""
    given = [flag for flag, value in flags.items() if value is not None]
    if given:
        of = "A run brings its own" if run else "A network of --model has no dial"
        raise UsageError(f"{of}: leave out {', '.join(given)}.")


def _images(name: str | None, read: Mapping[str, Any], classes: str | None) -> tuple[Data, Part]:
    if name is None:
        raise UsageError("--model needs images to be measured on. Give --data cifar10, folder:PATH, parquet:PATH, ...")
    found, part = load_to_measure(name, **{flag: value for flag, value in read.items() if value is not None})
    if classes is not None:
        return renumbered(found, class_names(classes)), part
    return (found if ":" not in name else replace(found, notes=(*found.notes, _order(found)))), part


def _order(data: Data) -> str:
    return f"The logits are taken to stand for {few(data.classes)}, in this order. If they do not, give --classes."


def _shard(text: str | None) -> tuple[int, int]:
    """`k/m`, or what torchrun says of its processes."""
    words = text.split("/") if text else [os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")]
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        raise UsageError(f"--shard {text} is not a part. Write k/m, for example 0/4 to 3/4.")
    return int(words[0]), int(words[1])
