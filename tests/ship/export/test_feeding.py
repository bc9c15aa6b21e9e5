"""What feeds a shipped network gives it what the data room gives: to the pixel."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial.data import unit
from robustdial.data.picture import decode, pixels
from robustdial.data.reading import Reading
from robustdial.ship.export import Facts, Onnx, module

SHAPES = [(3, 32, 32), (1, 20, 28), (3, 24, 40)]


def noise(mode, size=(50, 37)):
    rng = np.random.default_rng(0)
    bands = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2}[mode]
    levels = rng.integers(0, 256, (size[1], size[0], bands), np.uint8)
    return Image.fromarray(levels[..., 0] if bands == 1 else levels, mode)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif.tobytes()}


FILES = {
    "rgb.png": lambda path: noise("RGB").save(path),
    "grey.png": lambda path: noise("L").save(path),
    "alpha.png": lambda path: noise("RGBA").save(path),
    "grey-alpha.png": lambda path: noise("LA").save(path),
    "palette.gif": lambda path: noise("RGB").convert("P").save(path, transparency=3),
    "bits.png": lambda path: noise("L").convert("1").save(path),
    "photo.jpg": lambda path: noise("RGB").save(path, quality=90),
    "upside.jpg": lambda path: noise("RGB").save(path, **turned(3)),
    "turned.jpg": lambda path: noise("RGB").save(path, **turned(6)),
    "mirrored.png": lambda path: noise("RGB").save(path, **turned(5)),
    "turned.tif": lambda path: noise("RGB").save(path, **turned(8)),
    "cmyk.jpg": lambda path: noise("RGB").convert("CMYK").save(path),
    "small.png": lambda path: noise("RGB", (9, 12)).save(path),
    "fits.png": lambda path: noise("RGB", (32, 32)).save(path),
}


def preprocess_of(shape, background="white"):
    names = {}
    exec(module(shape, ("cat", "dög"), background), names)  # as it is run by whoever has it
    return names


@pytest.mark.parametrize("background", ["white", "#204060"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("file", FILES)
def test_an_image_file_becomes_what_the_data_room_makes_of_it(tmp_path, file, shape, background):
    path = tmp_path / file
    FILES[file](path)
    wanted = unit(pixels(decode(path, file, Reading(background=background).colour), shape))[None]
    got = preprocess_of(shape, background)["preprocess"](path)
    assert (got.dtype, got.shape) == (torch.float32, (1, *shape))
    torch.testing.assert_close(got, wanted, rtol=0, atol=0)


def test_it_takes_an_open_image_and_knows_the_classes():
    names = preprocess_of((3, 8, 8))
    assert names["preprocess"](noise("RGB")).shape == (1, 3, 8, 8)
    assert names["CLASSES"] == ["cat", "dög"]
    with pytest.raises(ValueError, match="8 bits per channel"):
        names["preprocess"](Image.new("I;16", (9, 9)))


def test_metadata_of_a_file_say_it_too():
    facts = Facts("cnn", 4, ("cat", "dog"), (3, 32, 24), (0.5,) * 3, (0.5,) * 3, None, 1.0, "black")
    header = facts.header()
    assert json.loads(header["classes"]) == ["cat", "dog"]
    fed = json.loads(header["preprocess"])
    assert (fed["size"], fed["channels"], fed["range"]) == ({"height": 32, "width": 24}, "RGB", [0.0, 1.0])
    assert fed["transparent"] == "laid over black"
    assert Facts.of(header) == facts


def test_an_onnx_file_carries_it(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    facts = Facts("cnn", 4, ("cat", "dog"), (1, 8, 8), (0.5,), (0.5,), None, 1.0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)).eval()
    Onnx().write(net, torch.rand(4, 1, 8, 8), facts, tmp_path / "net.onnx")
    found = {prop.key: prop.value for prop in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert {key: found[key] for key in facts.header()} == facts.header()


def test_facts_of_earlier_files_had_no_background():
    header = Facts("cnn", 4, ("a", "b"), (1, 8, 8), (0.5,), (0.5,), None, 1.0).header()
    about = json.loads(header["robustdial"])
    del about["background"]
    assert Facts.of({"robustdial": json.dumps(about)}).background == "white"
