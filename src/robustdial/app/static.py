"""The page without a server: the positions of the dial as ONNX files, which onnxruntime-web runs in the browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from importlib.resources import files
from pathlib import Path

from robustdial import record
from robustdial.app.demonstration import Demonstration
from robustdial.app.pieces import as_url
from robustdial.method.threat import Ball
from robustdial.own_code import named
from robustdial.typing import Json

PAGE = "index.html", "dial.js", "dial.css"
RUNTIME = "onnxruntime-web@^1.20"
NEEDED = "ort.wasm.min.js", "ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs"
"""Of the package: the loader, the program and its glue; without threads they need no special headers of the host."""


def write_static(demo: Demonstration, folder: Path) -> None:
    """Write the page into an empty or new folder.

    Raises:
        ValueError: the folder is not empty; npm is missing, or cannot fetch the runtime; onnx is missing.
    """
    record.check_free(folder, flag="static")
    with record.staged(folder) as stage:
        runtime(stage / "ort")
        (stage / "networks").mkdir()
        about = facts(demo)
        for number, point in enumerate(about["positions"]):
            with tempfile.TemporaryDirectory() as place:
                file = demo.ship(point["lam"], point["width"], Path(place) / "new")
                shutil.copyfile(file, stage / "networks" / f"{number}.onnx")
        for name in PAGE:
            (stage / name).write_bytes((files("robustdial.app") / "web" / name).read_bytes())
        (stage / "facts.json").write_text(json.dumps(about), encoding="utf-8")
        record.put_in_place(stage, folder, sorted(path.name for path in stage.iterdir()))


def facts(demo: Demonstration) -> dict[str, Json]:
    """What the page says: classes, positions with what was measured of them, test images with their adversaries."""
    measured = {(p["lam"], p["width"]): p for p in demo.points}
    positions = [
        {"lam": lam, "width": width, **_worth(measured.get((lam, width)))}
        for width in demo.widths
        for lam in demo.lambdas
    ]
    channels, height, width = demo.experiment.data.shape
    return {
        "classes": list(demo.classes),
        "shape": [channels, height, width],
        "recipe": named(demo.experiment.about["recipe"]),
        "threat": demo.threat.name,
        "eps": demo.threat.radius if isinstance(demo.threat, Ball) else None,
        "positions": positions,
        "images": [_image(demo, number) for number in range(len(demo.samples))],
    }


def _worth(point: Json) -> dict[str, Json]:
    return {key: point[key] for key in ("clean", "robust", "n", "attack")} if point else {}


def _image(demo: Demonstration, number: int) -> dict[str, Json]:
    """A test image, and what an adversary makes of it at each lambda of the full width, as PNG."""
    sample = demo.samples[number]
    advs = (demo.attacked(sample, lam, demo.widths[0], None) for lam in demo.lambdas)
    return {
        "label": sample.label,
        "clean": as_url(sample.x),
        "attacked": [as_url(adv) for adv in advs],
    }


def runtime(folder: Path) -> None:
    """Copy onnxruntime-web from its npm package. Raises ValueError where npm is missing or cannot fetch it."""
    npm = shutil.which("npm")
    if npm is None:
        raise ValueError(
            "The page runs the networks with onnxruntime-web, which npm fetches. Install Node.js with npm."
        )
    with tempfile.TemporaryDirectory() as place:
        told = subprocess.run(
            [npm, "pack", RUNTIME, "--silent"], cwd=place, capture_output=True, text=True, check=False
        )
        archives = list(Path(place).glob("*.tgz"))
        if told.returncode or not archives:
            last = (told.stderr.strip().splitlines() or ["no word why"])[-1]
            raise ValueError(
                f"npm could not fetch onnxruntime-web ({last}). Try again where the npm registry is reached."
            )
        folder.mkdir(parents=True)
        with tarfile.open(archives[0]) as archive:
            for name in NEEDED:
                member = archive.extractfile(f"package/dist/{name}")
                assert member is not None
                (folder / name).write_bytes(member.read())
