"""An image is opened as a viewer shows it, or refused by name."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
import torch
from PIL import Image, features

from robustdial.data import from_tensors, load
from robustdial.data.checks import check_varied
from robustdial.data.picture import Files, decode, endings, header, is_image, pixels
from robustdial.data.reading import Reading

UPRIGHT = np.zeros((12, 20, 3), np.uint8)  # bright above, and brighter at the left
UPRIGHT[:4], UPRIGHT[:, :5] = 120, 250
STORED = {  # what undoes the turn that a viewer makes of each orientation
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    file.seek(0)
    return file


def turned(orientation: int, form: str) -> io.BytesIO:
    image, how, exif = Image.fromarray(UPRIGHT), STORED[orientation], Image.Exif()
    exif[0x0112] = orientation
    stored = image if how is None else image.transpose(how)
    return encoded(stored, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_images_are_upright(orientation, form):
    shown = np.asarray(decode(turned(orientation, form), "x")).astype(int)
    assert shown.shape == UPRIGHT.shape
    assert np.abs(shown - UPRIGHT).mean() < (5 if form == "JPEG" else 1e-9)
    head = header(turned(orientation, form), "x")
    assert (head.height, head.width) == (12, 20)
    assert form == "TIFF" or head.turned == (orientation != 1)


def test_an_orientation_that_there_is_not_is_none():
    exif = Image.Exif()
    exif[0x0112] = 99
    assert decode(encoded(Image.fromarray(UPRIGHT), "PNG", exif=exif), "x").size == (20, 12)


def see_through(mode: str) -> Image.Image:
    """Black; its right half transparent."""
    alpha = Image.new("L", (16, 16), 255)
    alpha.paste(0, (8, 0, 16, 16))
    image = Image.new({"LA": "L"}.get(mode, "RGB"), (16, 16))
    image.putalpha(alpha)
    return image


def palette() -> io.BytesIO:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([0, 0, 0, 9, 9, 9])
    image.paste(1, (8, 0, 16, 16))
    return encoded(image, "PNG", transparency=1)


def keyed(mode: str, key: object) -> io.BytesIO:
    """Of grey or colour, with one value that stands for transparent (tRNS)."""
    image = Image.new(mode, (16, 16), 0)
    image.paste(key, (8, 0, 16, 16))
    return encoded(image, "PNG", transparency=key)


SEE_THROUGH = {
    "RGBA": lambda: encoded(see_through("RGBA"), "PNG"),
    "LA": lambda: encoded(see_through("LA"), "PNG"),
    "WebP": lambda: encoded(see_through("RGBA"), "WEBP", lossless=True),
    "TIFF": lambda: encoded(see_through("RGBA"), "TIFF"),
    "palette": palette,
    "grey key": lambda: keyed("L", 7),
    "colour key": lambda: keyed("RGB", (7, 8, 9)),
    "gif": lambda: encoded(see_through("RGBA"), "GIF"),
}


@pytest.mark.parametrize("kind", SEE_THROUGH)
@pytest.mark.parametrize("background", ["white", "#ff0000", "black"])
def test_transparent_pixels_are_the_background(kind, background):
    colour = Reading(background=background).colour
    shown = np.asarray(decode(SEE_THROUGH[kind](), "x", colour).convert("RGB"))
    assert shown[8, 2].tolist() == [0, 0, 0]
    assert shown[8, 13].tolist() == list(colour)
    assert header(SEE_THROUGH[kind](), "x").alpha


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (Image.new("1", (8, 8), 1), 255),
        (Image.new("L", (8, 8), 100), 100),
        (Image.new("LA", (8, 8), (100, 255)), 100),
        (Image.new("RGB", (8, 8), (100, 100, 100)), 100),
        (Image.new("RGBA", (8, 8), (100, 100, 100, 255)), 100),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 155)), 100),
    ],
)
def test_every_mode_gives_the_grey_that_is_seen(image, value):
    opened = decode(encoded(image, "TIFF"), "x")
    assert opened.mode == ("L" if image.mode in ("1", "L", "LA") else "RGB")
    assert pixels(opened, (3, 8, 8)).unique().tolist() == [value]


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_eight_bits_are_refused_by_name(mode):
    with pytest.raises(ValueError, match=r"^x has pixels of mode '[IF].*'. Save it with 8 bits per channel"):
        decode(encoded(Image.new(mode, (8, 8)), "TIFF"), "x")


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG2000", "PPM", "TGA", "ICO", "PCX", "DIB"])
def test_the_formats_that_pillow_reads_are_read(form):
    shown = np.asarray(decode(encoded(Image.new("RGB", (16, 16), (250, 0, 0)), form), "x").convert("RGB"))
    assert np.abs(shown.astype(int) - [250, 0, 0]).max() < 8


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_taken(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    options = {"lossless": True} if form == "WEBP" else {}
    file = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert header(file, "x").frames
    file.seek(0)
    assert np.asarray(decode(file, "x").convert("RGB"))[4, 4].tolist() == [200, 0, 0]


@pytest.mark.parametrize("name", ["a.JPEG", "a.Jpg", "a.jfif", "a.bmp", "a.TIF", "a.webp", "a.gif", "none", "a.txt"])
def test_a_file_is_an_image_by_what_it_holds(tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for n in range(6):
            Image.new("RGB", (8, 8), (9 * n, 0, 0)).save(tmp_path / folder / f"{n}.png")
    form = {"jpeg": "JPEG", "jpg": "JPEG", "jfif": "JPEG", "bmp": "BMP", "tif": "TIFF", "webp": "WEBP", "gif": "GIF"}
    file = encoded(Image.new("RGB", (8, 8), (200, 0, 0)), form.get(name.rpartition(".")[2].lower(), "PNG"))
    (tmp_path / "a" / name).write_bytes(file.getvalue())
    data = load(f"folder:{tmp_path}", val=0)
    assert len(data.train) + len(data.test) == 13
    assert not any("no image" in note for note in data.notes)


@pytest.mark.skipif("avif" not in features.get_supported(), reason="this Pillow does not read AVIF")
def test_avif_is_read_where_pillow_reads_it():
    assert ".avif" in endings()
    assert decode(encoded(Image.new("RGB", (16, 16), (200, 0, 0)), "AVIF"), "x").size == (16, 16)


def test_what_other_programs_would_run_is_no_image(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(encoded(Image.new("RGB", (16, 16)), "EPS").getvalue())
    assert ".eps" not in endings()
    assert not is_image(str(file))
    with pytest.raises(ValueError, match="cannot be decoded as an image"):
        decode(file, "x")


@pytest.mark.parametrize(
    ("size", "says"),
    [((64, 1), "is 64 x 1 pixels, and each side needs 8 or more"), ((9000, 9000), "is 9000 x 9000 pixels, more than")],
)
def test_sides_and_pixels_have_bounds(size, says):
    with pytest.raises(ValueError, match=f"^x {says}"):
        decode(encoded(Image.new("1", size), "PNG"), "x")


def test_far_too_many_pixels_are_refused_too(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"^x has more than 67,108,864 pixels"):
        decode(encoded(Image.new("L", (16, 16)), "PNG"), "x")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0\x00\x10JFIF"])
def test_what_is_called_an_image_and_is_none_is_named(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"x.png cannot be decoded as an image. Replace it or take it out") as error:
        Files([str(tmp_path / "x.png")])[0]
    assert "\n" not in str(error.value)


def test_pipes_folders_and_broken_links_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "nothing")
    for name, says in (("pipe", "is not a file"), ("folder", "is not a file"), ("nowhere", "cannot be read")):
        with pytest.raises(ValueError, match=f"{name}.png {says}"):
            decode(tmp_path / f"{name}.png", f"{name}.png")


def test_a_pipe_in_a_class_folder_is_left_out_and_named(folder):
    path = folder(**{".": 6})
    os.mkfifo(path / "ant" / "pipe.png")
    assert "Left out, as no image of a class: 1 (ant/pipe.png)." in load(f"folder:{path}").notes


@pytest.mark.parametrize(
    ("odd", "refused"),
    [
        ([(64, 30)], True),
        ([(20, 20), (25, 64)], True),
        ([(64, 40)], False),
        ([(30, 30)] * 12, False),
    ],
)
def test_a_few_small_images_do_not_shrink_all_others(tmp_path, odd, refused):
    for name in "ab":
        (tmp_path / name).mkdir()
        for n in range(15):
            Image.new("RGB", (64, 64), (n, 0, 0)).save(tmp_path / name / f"{n}.png")
    for n, size in enumerate(odd):
        Image.new("RGB", size).save(tmp_path / "a" / f"odd{n}.png")
    name = f"folder:{tmp_path}"
    assert load(name, size=64).shape == (3, 64, 64)
    if refused:
        with pytest.raises(ValueError, match=r"shrunk below half .*odd0.png .* --size 64"):
            load(name)
    else:
        side = min(min(size) for size in odd)
        assert load(name).shape == (3, side, side)


@pytest.mark.parametrize("size", [0, 7, 4097, 100_000])
def test_a_size_out_of_range_is_refused(size):
    with pytest.raises(ValueError, match=f"size={size}: give the side of the images in pixels, from 8 to 4096"):
        load("digits", size=size)


def test_a_colour_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"background='blurple' is no colour. Write white, black, #808080"):
        load("digits", background="blurple")


def test_grey_training_images_and_colour_test_images_are_colour(tmp_path):
    for part, mode in (("train", "L"), ("test", "RGB")):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            for n in range(4):
                Image.new(mode, (8, 8), 9 * n).save(tmp_path / part / name / f"{n}.png")
    assert load(f"folder:{tmp_path}").shape == (3, 8, 8)


def test_a_set_without_anything_to_see_is_noted_and_not_trained_on(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for n in range(6):
            Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / name / f"{n}.png")
    data = load(f"folder:{tmp_path}")
    assert "All training images are one and the same colour: there is nothing to see." in data.notes
    with pytest.raises(ValueError, match=r"Every pixel of all .* has the same value: there is nothing to learn"):
        check_varied(data)


def test_one_image_that_differs_is_something_to_see():
    x, y = torch.zeros(40, 1, 8, 8), torch.arange(40) % 2
    x[7] = 0.5
    check_varied(from_tensors((x, y), (x, y), val=0))
