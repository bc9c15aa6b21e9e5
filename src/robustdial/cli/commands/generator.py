"""`robustdial generator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote

from rich.text import Text

from robustdial import record
from robustdial.cli.bars import counting
from robustdial.cli.console import print_notes
from robustdial.cli.terminal import console, stoppable
from robustdial.generator import GeneratorRun, Workshop, resume_generator, start_generator
from robustdial.run import device_of
from robustdial.typing import Json


def generator(
    data: str | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    width: int | None = None,
    latent: int | None = None,
    lr: float | None = None,
    seed: int | None = None,
    limit: int | None = None,
    size: int | None = None,
    label: str | None = None,
    image: str | None = None,
    background: str | None = None,
    root: str | None = None,
    device: str = "auto",
    out: Path = Path("runs/generator"),
    resume: bool = False,
) -> int:
    """Train a generator, for adversaries in its latent space: robustdial generator --data mnist --out runs/g

    It learns random images of each class, and an encoder beside it to find the styles of any image. Each epoch writes
    samples.png: four rows of random images, then images of the test part, and below them what is made of their styles.
    Then: robustdial train gat --generator runs/g --levels fine noise --data mnist

    Args:
        data: a name (digits, which is the default, mnist, cifar10, ...), folder:PATH, csv:PATH, parquet:PATH or
            hf:NAME; both sides of its images can be halved twice.
        epochs: passes over the training images, 30 by default; with --resume, more than before train it further.
        batch: images per step; 64 by default.
        width: channels at the images' own size, 16 by default; each halving doubles them.
        latent: length of its code; 64 by default.
        lr: learning rate of Adam, 0.001 by default; the critic's is twice that.
        seed: of weights, order and noise; 0 by default.
        limit: use only so many training images, class-balanced.
        size: side of the images in pixels, for folders and hubs with images of many sizes.
        label: column of the labels, of data with several that might be.
        image: column of the images, of data with several that might be.
        background: colour that shows through transparent pixels; white by default.
        root: folder of downloaded data sets; data by default.
        device: auto, cpu or cuda.
        out: folder of the generator.
        resume: continue the generator in --out, with its own settings.
    """
    settings: dict[str, Json] = {"data": data, "epochs": epochs, "batch": batch, "width": width, "latent": latent}
    settings |= {"lr": lr, "seed": seed, "limit": limit, "size": size, "root": root}
    settings |= {"label": label, "image": image, "background": background}
    given = {flag: value for flag, value in settings.items() if value is not None}
    where = device_of(device)
    if not resume:
        return _train(start_generator(out, replace(GeneratorRun(), **given), where))
    workshop = resume_generator(out, where)
    _check_same(workshop, given)
    if epochs is not None and epochs != workshop.run.epochs:
        workshop.run = replace(workshop.run, epochs=epochs)
        about = record.read_json(out / record.GENERATOR)
        record.write_json(out / record.GENERATOR, about | {"run": asdict(workshop.run)})
    return _train(workshop)


def _check_same(workshop: Workshop, given: Mapping[str, Json]) -> None:
    """A resumed training keeps its settings; a flag that says otherwise is refused."""
    own = asdict(workshop.run)
    for flag, value in given.items():
        if flag != "epochs" and value != own[flag]:
            raise ValueError(
                f"The generator in {workshop.folder} has {flag} = {own[flag]}, not {value}. "
                "Drop the flag, or start a new one with another --out."
            )


def _train(workshop: Workshop) -> int:
    run, data, state = workshop.run, workshop.data, workshop.state
    parameters = sum(weight.numel() for weight in state.generator.parameters())
    told = (
        f" of {data.name}: {len(data.train):,} images of {'x'.join(map(str, data.shape))} in "
        f"{len(data.classes)} classes; {parameters:,} parameters; on {state.device}"
    )
    print_notes(data.notes)
    console.print(Text.assemble(("generator", "bold"), told))
    batches = len(data.train) // run.batch or 1
    done = state.epoch * batches + state.batch
    with stoppable() as stop, counting("training", run.epochs * batches, done=done) as bar:
        for step in workshop.train():
            done = (step.epoch - 1) * step.batches + step.batch
            bar.update(bar.task_ids[0], completed=done, description=f"epoch {step.epoch}/{run.epochs}")
            if step.summary is not None:
                losses = ("critic", "fooling", "pixels", "codes")
                told = ", ".join(f"{name} {step.summary[name]:.3f}" for name in losses)
                console.print(f"epoch {step.epoch}: {told}")
            if stop.asked and not workshop.finished:
                workshop.save()
                console.print("stopped and saved. Continue with:")
                console.print(f"  robustdial generator --resume --out {quote(str(workshop.folder))}", soft_wrap=True)
                return 130
    console.print(f"trained: {workshop.folder}; what it makes: {workshop.folder / record.SAMPLES}", soft_wrap=True)
    folder, images = (quote(str(word)) for word in (workshop.folder, run.data))
    console.print(f"next: robustdial train gat --generator {folder} --data {images}", soft_wrap=True)
    return 0
