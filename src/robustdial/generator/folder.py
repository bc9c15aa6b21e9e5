"""A generator in a folder: its training, which can be continued, and the network to use."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shlex import quote

import torch
from torch import Tensor

from robustdial import record
from robustdial.checks import checked
from robustdial.checks import device as device_of
from robustdial.data import Data, load, unit
from robustdial.generator.network import LEVELS, NOISE, StyleGenerator
from robustdial.generator.picture import samples, write_sheet
from robustdial.generator.training import GeneratorState, GeneratorStep, generator_steps
from robustdial.provenance import provenance
from robustdial.randomness import seeded
from robustdial.typing import Json


@dataclass(frozen=True)
class GeneratorRun:
    """How a generator is trained.

    Args:
        data: a name (digits, mnist, cifar10, ...), folder:PATH, csv:PATH, parquet:PATH or hf:NAME.
        epochs: passes over the training images.
        batch: images per step.
        width: channels at the images' own size; each halving doubles them.
        latent: length of its code.
        lr: learning rate of Adam; the critic's is twice that.
        seed: of weights, order and noise.
        limit: use only so many training images, class-balanced.
        size: side of the images in pixels, for folders and hubs with images of many sizes.
        label, image: columns of the labels and of the images, of data with several that might be.
        background: colour that shows through transparent pixels.
        root: folder of downloaded data sets.
    """

    data: str = "digits"
    epochs: int = 30
    batch: int = 64
    width: int = 16
    latent: int = 64
    lr: float = 1e-3
    seed: int = 0
    limit: int | None = None
    size: int | None = None
    label: str | None = None
    image: str | None = None
    background: str = "white"
    root: str = "data"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "width", "latent", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"--{name} {getattr(self, name):g} is not positive.")
        if self.batch < 4:  # half of it must have a spread
            raise ValueError(f"--batch {self.batch} is too small for a generator. Give 4 or more.")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"--seed {self.seed} is out of range. Choose it from 0 to {2**32 - 1}.")


@dataclass
class Workshop:
    """A generator that is being trained.

    Attributes:
        folder: where its files are.
        run: how it is trained.
        data, state: its parts.
        hold: that no other process trains in the folder meanwhile.
    """

    folder: Path
    run: GeneratorRun
    data: Data
    state: GeneratorState
    hold: record.Hold | None = None

    @property
    def finished(self) -> bool:
        """Whether every epoch has been trained."""
        return self.state.epoch >= self.run.epochs

    def train(self) -> Iterator[GeneratorStep]:
        """Train to the end, yielding every batch; each epoch is written. After any yield the caller may save and stop.

        Raises FloatingPointError if a loss is not finite.
        """
        for step in generator_steps(self.state, self.data, epochs=self.run.epochs, batch=self.run.batch):
            if step.summary is not None:
                record.append_epoch(self.folder, step.summary)
                self.save()
                self._show()
            yield step

    def save(self) -> None:
        """Write the whole state, and the network to use."""
        record.write_tensors(self.folder / record.LAST, *pack_generator(self.state))
        about = {"epoch": self.state.epoch, "fingerprint": record.fingerprint(self.state.average.state_dict())}
        record.write_tensors(self.folder / record.WEIGHTS, self.state.average.state_dict(), about)

    def _show(self) -> None:
        labels, classes = self.data.test.labels, len(self.data.classes)
        one_each = [int(found[0]) for k in range(classes) if len(found := (labels == k).nonzero())]
        x, _ = next(self.data.test.batches([torch.tensor(one_each)]))
        write_sheet(self.folder / record.SAMPLES, samples(self.state.average, unit(x)), classes)


def start_generator(folder: Path, run: GeneratorRun, device: torch.device | str = "cpu") -> Workshop:
    """A new generator in `folder`. Raises ValueError before anything is written if an argument is wrong."""
    record.check_free(folder, record.GENERATOR)
    workshop = _assemble(folder, run, device)
    data = workshop.data
    about = {
        "run": asdict(run),
        "data": {"name": data.name, "classes": list(data.classes), "shape": list(data.shape), "train": len(data.train)},
        **provenance(),
    }
    workshop.hold = record.create(folder, record.GENERATOR, about)
    return workshop


def resume_generator(folder: Path, device: torch.device | str = "cpu") -> Workshop:
    """The generator in `folder`, where its last checkpoint left it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a damaged file, data that has changed since, or another process trains there.
    """
    _about(folder)
    hold = record.opened(folder)
    about = _about(folder)
    workshop = _assemble(folder, _run_of(about["run"]), device)
    if [len(workshop.data.train), *workshop.data.shape] != [about["data"]["train"], *about["data"]["shape"]]:
        raise ValueError(
            f"The data {workshop.run.data} has changed since {folder} began. Put it back, or train a new generator."
        )
    if (folder / record.LAST).exists():
        unpack_generator(workshop.state, *record.read_tensors(folder / record.LAST))
    record.keep_epochs(folder, workshop.state.epoch)
    workshop.hold = hold
    return workshop


@checked
def open_generator(folder: str | Path, device: torch.device | str = "cpu") -> StyleGenerator:
    """The generator that was trained into `folder`, to use: `open_generator("runs/g").encode(x)`.

    Raises FileNotFoundError, one line with the remedy, if there is none, ValueError if a file of it is damaged.
    """
    place = device_of("device", device)
    about = _about(Path(folder))
    path = Path(folder) / record.WEIGHTS
    tensors, _ = record.read_tensors(path)
    with seeded(0, "cpu"):  # building it draws random numbers, which are not those of whoever opens it
        net = _network(about["run"], about["data"])
    if wrong := record.misfits(tensors, net.state_dict()):
        raise ValueError(
            f"{path} is of another generator than {record.GENERATOR} beside it: {len(wrong)} tensors differ, first "
            f"{wrong[0]!r}. Put the right one back, or train a new generator."
        )
    net.load_state_dict(tensors)
    net.to(place).requires_grad_(False).eval()
    return net


@dataclass(frozen=True)
class Stored:
    """A generator by its folder, opened when it is first asked for something, on the device of the images.

    Args:
        folder: as written by `robustdial generator`.
        weights: their fingerprint when it was named, to tell it from one that was trained further.
    """

    folder: str
    weights: str | None = None

    @property
    def levels(self) -> tuple[str, ...]:
        return (*LEVELS, NOISE)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        return self._open(x).encode(x)

    def decode(self, latents: Mapping[str, Tensor]) -> Tensor:
        return self._open(latents[LEVELS[0]]).decode(latents)

    def _open(self, like: Tensor) -> StyleGenerator:
        path = Path(self.folder) / record.WEIGHTS
        return _opened(self.folder, path.stat().st_mtime_ns if path.exists() else 0, like.device)


def stored(folder: str) -> Stored:
    """The generator in `folder` as it is now. One that is not there yet is asked for when it is needed."""
    about = (Path(folder) / record.WEIGHTS).with_suffix(".json")
    return Stored(folder, record.read_json(about)["fingerprint"] if about.is_file() else None)


@functools.lru_cache(maxsize=4)
def _opened(folder: str, written: int, device: torch.device) -> StyleGenerator:
    return open_generator(folder, device)


def pack_generator(state: GeneratorState) -> tuple[dict[str, Tensor], dict[str, Json]]:
    """The whole state: weights, optimizers and random numbers as tensors, the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    for who, net in _players(state).items():
        tensors |= {f"{who}.{name}": value for name, value in net.state_dict().items()}
    groups: list[Json] = []
    for which, optimizer in enumerate(state.optimizers):
        held = optimizer.state_dict()
        groups.append(held["param_groups"])
        for index, slots in held["state"].items():
            tensors |= {f"optimizer.{which}.{index}.{name}": value for name, value in slots.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if state.device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(state.device)
    about = {"epoch": state.epoch, "batch": state.batch, "steps": state.steps, "sums": state.sums, "groups": groups}
    return tensors, about


def unpack_generator(state: GeneratorState, tensors: Mapping[str, Tensor], about: Mapping[str, Json]) -> None:
    """Put a packed state back into `state`, which was built alike. Raises ValueError if it was not."""
    try:
        for who, net in _players(state).items():
            if wrong := record.misfits(_under(tensors, f"{who}."), net.state_dict()):
                raise KeyError(f"{who}.{wrong[0]}")
            net.load_state_dict(_under(tensors, f"{who}."))
        for which, optimizer in enumerate(state.optimizers):
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in _under(tensors, f"optimizer.{which}.").items():
                index, slot = name.split(".", 1)
                slots.setdefault(int(index), {})[slot] = value
            optimizer.load_state_dict({"state": slots, "param_groups": about["groups"][which]})
        state.epoch, state.batch, state.steps = about["epoch"], about["batch"], about["steps"]
        state.sums = dict(about["sums"])
        torch.set_rng_state(tensors["random.cpu"])
    except (KeyError, RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(
            f"The checkpoint is not of this generator ({' '.join(str(error).split())[:120]}). Train a new one."
        ) from None
    if "random.cuda" in tensors and state.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random.cuda"], state.device)


def _players(state: GeneratorState) -> dict[str, torch.nn.Module]:
    return {"generator": state.generator, "average": state.average, "critic": state.critic}


def _under(items: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in items.items() if name.startswith(prefix)}


def _assemble(folder: Path, run: GeneratorRun, device: torch.device | str) -> Workshop:
    asked = {name: getattr(run, name) for name in ("root", "limit", "seed", "size", "label", "image", "background")}
    data = load(run.data, **asked)
    torch.manual_seed(run.seed)
    net = _network(asdict(run), {"shape": data.shape, "classes": data.classes}).to(device)
    state = GeneratorState.new(net, width=run.width, lr=run.lr, seed=run.seed)
    return Workshop(folder, run, data.to(device), state)


def _network(run: Mapping[str, Json], data: Mapping[str, Json]) -> StyleGenerator:
    channels, height, width = data["shape"]
    return StyleGenerator((channels, height, width), len(data["classes"]), run["width"], run["latent"])


def _about(folder: Path) -> dict[str, Json]:
    if not (folder / record.GENERATOR).is_file():
        make = f"robustdial generator --out {quote(str(folder))}"
        raise FileNotFoundError(f"There is no generator in {folder}. Train one on your data: {make}")
    about = record.read_json(folder / record.GENERATOR)
    wrong = record.settings_fault(about["run"], GeneratorRun, strict=False) or _out_of_range(about["run"])
    if wrong is not None:
        raise ValueError(
            f"{folder / record.GENERATOR} is damaged ({wrong}). Put a copy of it back, or train a new one."
        )
    return about


def _run_of(settings: Mapping[str, Json]) -> GeneratorRun:
    """Settings from a file; what this version does not know is left out."""
    known = {field.name for field in fields(GeneratorRun)}
    return GeneratorRun(**{name: value for name, value in settings.items() if name in known})


def _out_of_range(settings: Mapping[str, Json]) -> str | None:
    try:
        _run_of(settings)
    except ValueError as error:
        return str(error)
    return None
