"""How fast do images come from a folder of JPEGs, beside torchvision's ImageFolder and a DataLoader, and the engine?

    python benchmarks/feed.py [--images 20000] [--workers 2] [--json benchmarks/results/feed.json]

The pictures are made: 224x224 pixels of noise at several scales, as large as photographs of that size when they are
written as JPEG. They are read by turns, in the same order, by as many processes, and from memory by the system (each
contender reads all of them before the clock runs). All give uint8 batches; after a check that these are equal to the
bit, each is also timed with a shift and a mirror image of every picture, as in training: on the device here, in the
processes there.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import torch
import torch.nn.functional as F
import tyro
import webdataset
from interleave import Timing, Timings, circumstances, console, rates_table, say, take_turns, write
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, PILToTensor, RandomCrop, RandomHorizontalFlip, v2
from torchvision.transforms.functional import to_pil_image

from robustdial.data import Batch, Data, Feed, load
from robustdial.dial import dial
from robustdial.models import build
from robustdial.recipes import recipe
from robustdial.training import optimizer_for, train_batch

SIDE, CLASSES, QUALITY = 224, 10, 90
TEXTURE = {4: 0.45, 16: 0.25, 56: 0.2, SIDE: 0.1}  # side of the noise before it is enlarged, and its share

Loaded = Callable[[], Iterator[tuple[Tensor, Tensor]]]


def picture(number: int) -> bytes:
    """The JPEG of picture `number`."""
    generator = torch.Generator().manual_seed(number)
    layers = [share * enlarged(torch.rand(1, 3, side, side, generator=generator)) for side, share in TEXTURE.items()]
    file = io.BytesIO()
    to_pil_image(sum(layers)[0].clamp(0, 1)).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, (SIDE, SIDE), mode="bicubic").clamp(0, 1)


def made(root: Path, images: int) -> Path:
    """A folder of so many pictures in classes, and the same in shards of 1,000; what is there already stays."""
    folder = root / f"{images}"
    if not (folder / "shards").exists():
        for k in range(CLASSES):
            (folder / "train" / str(k)).mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            encoded = list(pool.map(picture, range(images)))
        for number, file in enumerate(encoded):
            (folder / "train" / str(number % CLASSES) / f"{number:06d}.jpg").write_bytes(file)
        (folder / "shards").mkdir()
        by_class = sorted(range(images), key=lambda number: number % CLASSES)  # as a folder lists them
        for first in range(0, images, 1000):
            with (folder / "shards" / f"train-{first // 1000:06d}.tar").open("wb") as file:
                tar = webdataset.TarWriter(file)
                for number in by_class[first : first + 1000]:
                    tar.write({"__key__": f"{number:06d}", "jpg": encoded[number], "cls": str(number % CLASSES)})
                tar.close()
    return folder


def ours(data: Data, order: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    return data.train.batches(order)


def ours_in_training(data: Data, order: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    return ((batch.x, batch.y) for batch in Feed(data).batches(order))


def theirs(folder: Path, order: list[Tensor], workers: int, *transforms: Callable) -> Iterator[tuple[Tensor, Tensor]]:
    """As torchvision's reference training reads a folder."""
    images = ImageFolder(folder / "train", Compose(transforms))
    batches = [index.tolist() for index in order]
    loader = DataLoader(images, batch_sampler=batches, num_workers=workers, pin_memory=torch.cuda.is_available())
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return ((x.to(place, non_blocking=True), y.to(place, non_blocking=True)) for x, y in loader)


def check(one: Loaded, other: Loaded) -> None:
    """Raises AssertionError unless both give the same images and labels."""
    for (x, y), (more_x, more_y) in zip(one(), other(), strict=True):
        torch.testing.assert_close(x, more_x, rtol=0, atol=0)
        torch.testing.assert_close(y, more_y)


def walked(batches: Loaded) -> None:
    """All batches, waited for."""
    for x, _ in batches():
        last = x
    last[-1, 0, 0, 0].item()


class Walk:
    """All batches, and the seconds of processor that they cost here and in the processes that decode."""

    def __init__(self, batches: Loaded) -> None:
        self._batches = batches
        self.spent: list[float] = []

    def __call__(self) -> None:
        before = sum(os.times()[:4])
        walked(self._batches)
        self.spent.append(sum(os.times()[:4]) - before)


def contests(folder: Path, batch: int, workers: int) -> dict[str, dict[str, Loaded]]:
    """What is compared, with torchvision first."""
    place = "cuda" if torch.cuda.is_available() else "cpu"
    data = load(f"folder:{folder}", val=0, workers=workers).to(place)
    packed = load(f"wds:{folder}/shards", val=0, workers=workers).to(place)
    # the test part, a fifth, is drawn alike from the folder and from the shards
    images = torch.arange(len(data.train))
    order = list(torch.split(images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))], batch))
    numbers = data.train.rows
    in_folder = [numbers[index] for index in order]
    training = (RandomCrop(SIDE, SIDE // 8), RandomHorizontalFlip(), PILToTensor(), v2.ToDtype(torch.float32, True))
    return {
        "uint8 batches": {
            "torchvision": partial(theirs, folder, in_folder, workers, PILToTensor()),
            "folder": partial(ours, data, order),
            "shards": partial(ours, packed, order),
        },
        "shifted and mirrored": {
            "torchvision": partial(theirs, folder, in_folder, workers, *training),
            "folder": partial(ours_in_training, data, order),
        },
    }


def engine(width: int, batch: int) -> dict[str, Callable[[], object]]:
    """An update of ResNet-18 on such images: by standard training, and by `oat` with 7 steps."""
    place = "cuda" if torch.cuda.is_available() else "cpu"
    x, y = torch.rand(batch, 3, SIDE, SIDE, device=place), torch.arange(batch, device=place) % CLASSES

    def update(name: str, passes: int, **knobs: int) -> Callable[[], object]:
        method = recipe(name)(**knobs)
        net = build("resnet18", classes=CLASSES, shape=(3, SIDE, SIDE), mean=[0.5] * 3, std=[0.25] * 3, width=width)
        model = (dial(net, method.dial) if name == "oat" else net).to(place).train()
        optimizer = optimizer_for(model, 0.01)
        return lambda: float(train_batch(model, Batch(x, y), method, passes, optimizer, [])["loss"])

    return {"clean": update("clean", 1), "oat, 7 steps": update("oat", 8, steps=7)}


def main(
    images: int = 20_000,
    batch: int = 256,
    workers: int = min(8, os.cpu_count() or 1),
    rounds: int = 3,
    width: int = 16,
    engine_batch: int = 2,
    threads: int = 1,
    folder: Path | None = None,
    json: Path | None = None,
) -> None:
    """Images per second that come from a folder of JPEGs, and that the engine trains on (ResNet-18, 224x224 images).

    Args:
        images: number of pictures that are made; four fifths are read.
        batch: images in a batch that is read.
        workers: processes that decode, for each contender.
        rounds: timed turns of each contender.
        width: channels of the network's first stage.
        engine_batch: images per update.
        threads: of PyTorch in the process that trains.
        folder: where the pictures are kept for another time.
        json: file to write the numbers to.
    """
    torch.set_num_threads(threads)
    place = made(folder or Path(mkdtemp()), images)
    compared = contests(place, batch, workers)
    exact = compared["uint8 batches"]
    check(exact["torchvision"], exact["folder"])
    check(exact["folder"], exact["shards"])
    size = sum(file.stat().st_size for file in place.glob("train/*/*.jpg")) / images
    facts = circumstances(rounds) | {"images": images, "bytes per image": round(size), "batch": batch}
    facts |= {"workers": workers, "width": width, "load": os.getloadavg()[0]}
    read = images - -(-images // 5)
    found = {}
    for title, calls in compared.items():
        walks = {name: Walk(batches) for name, batches in calls.items()}
        found[title] = take_turns(walks, read, rounds)
        of_processor = {name: Timing(tuple(read / spent for spent in walk.spent[1:])) for name, walk in walks.items()}
        found[f"{title}, per second of processor"] = of_processor
    found["engine"] = take_turns(engine(width, engine_batch), engine_batch, rounds)
    show(found)
    console.print(say(facts))
    if json:
        write(json, facts, found)


def show(found: Mapping[str, Timings]) -> None:
    """The tables; every comparison is with its first contender."""
    for title, timings in found.items():
        console.print(rates_table(title, timings, list(timings)[:1], "images"))


if __name__ == "__main__":
    tyro.cli(main)
