from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from robustdial.report.pictures import gallery, png


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_png_keeps_every_pixel(channels):
    picture = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)
    expected = picture[0] if channels == 1 else picture.permute(1, 2, 0)
    assert np.array_equal(pixels(png(picture)), expected.numpy())


def test_perturbation_is_amplified_as_far_as_it_goes(make_pictures):
    tensors = make_pictures(1)
    clean = torch.full_like(tensors["clean"], 100)
    tensors |= {"clean": clean, "adv": (clean + 8).expand(6, -1, -1, -1, -1)}
    shown = gallery(tensors, [])
    assert shown.factor == 127 // 8
    assert (pixels(shown.panels[0].columns[0].change) == 128 + 8 * shown.factor).all()


def test_gallery_takes_eight_images(make_pictures):
    images, attacked = ("clean", "labels"), ("adv", "pred_clean", "pred_adv", "conf_clean", "conf_adv")
    tensors = make_pictures(1)
    tensors |= {name: tensors[name].repeat_interleave(2, dim=0) for name in images}
    tensors |= {name: tensors[name].repeat_interleave(2, dim=1) for name in attacked}
    assert {len(panel.columns) for panel in gallery(tensors, []).panels} == {8}


def test_gallery_compares_both_ends_and_the_middle_of_the_dial(make_pictures):
    assert [panel.lam for panel in gallery(make_pictures(1), []).spread()] == [0.0, 0.3, 1.0]


@pytest.mark.parametrize(("lam", "index"), [(0.0, 0), (0.26, 3), (0.6, 4), (0.8, 5), (None, 0)])
def test_nearest_pictures_are_found(make_pictures, lam, index):
    assert gallery(make_pictures(1), []).nearest(lam) == index


def test_class_without_a_name_is_its_number(make_pictures):
    shown = gallery(make_pictures(1), ["zero"])
    assert [column.label for column in shown.panels[0].columns[:2]] == ["zero", "1"]
