"""Map-style data sets, loaders and iterables of pairs become data."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

import robustdial as rd

X, Y = torch.rand(40, 3, 8, 8), torch.arange(40) % 2


class Bare:
    """A map-style data set without an iterator."""

    classes = ("cat", "dog")

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        return X[i], int(Y[i])


def pictures():
    return [(Image.fromarray((x.permute(1, 2, 0) * 255).byte().numpy()), int(y)) for x, y in zip(X, Y, strict=True)]


def arrays():
    return [((x[0] * 255).byte().numpy(), np.int64(y)) for x, y in zip(X, Y, strict=True)]


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        (TensorDataset(X, Y), (3, 8, 8)),
        (DataLoader(TensorDataset(X, Y), batch_size=7), (3, 8, 8)),
        (list(zip(X, Y, strict=True)), (3, 8, 8)),
        (Bare(), (3, 8, 8)),
        (pictures(), (3, 8, 8)),
        (arrays(), (1, 8, 8)),
    ],
    ids=["dataset", "loader", "pairs", "bare", "pictures", "arrays"],
)
def test_images_and_labels_are_read_in_order(source, shape):
    data = rd.from_dataset(source, source, val=0.2)
    assert data.shape == shape and len(data.test) == 40
    x, y = next(data.test.batches([torch.arange(40)]))
    assert torch.equal(y, Y)
    x = x if x.is_floating_point() else x.float() / 255
    torch.testing.assert_close(x, X[:, : shape[0]], atol=1 / 255, rtol=0)


PALETTED = [(picture.convert("RGB").quantize(256), y) for picture, y in pictures()]


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.numpy(),
        lambda x: x.tolist(),
        lambda x: x.clone().requires_grad_(),
        lambda x: Image.fromarray((x.permute(1, 2, 0) * 255).byte().numpy()).convert("RGBA"),
        lambda x: Image.fromarray((x.permute(1, 2, 0) * 255).byte().numpy()).convert("CMYK"),
    ],
    ids=["array [C, H, W]", "lists [C, H, W]", "asks for a gradient", "with alpha", "of print"],
)
def test_an_image_is_read_as_it_is_shown(read):
    source = [(read(x), int(y)) for x, y in zip(X, Y, strict=True)]
    x, y = next(rd.from_dataset(source, source, val=0).train.batches([torch.arange(40)]))
    x = x if x.is_floating_point() else x.float() / 255
    torch.testing.assert_close(x, X, atol=1.01 / 255, rtol=0)
    assert torch.equal(y, Y) and not x.requires_grad


def test_batches_of_arrays_pass_and_palettes_are_colours():
    batches = [((X[i : i + 8] * 255).byte().permute(0, 2, 3, 1).numpy(), Y[i : i + 8].numpy()) for i in range(0, 40, 8)]
    assert rd.from_dataset(batches, batches).shape == (3, 8, 8)
    x, _ = next(rd.from_dataset(PALETTED, PALETTED, val=0).train.batches([torch.arange(1)]))
    assert torch.equal(x[0].permute(1, 2, 0), torch.from_numpy(np.array(PALETTED[0][0].convert("RGB"))))


class Named(Bare):
    def __init__(self, classes, y):
        self.classes, self.y = classes, y

    def __getitem__(self, i):
        return X[i], int(self.y[i])


@pytest.mark.parametrize(
    "part",
    [
        lambda source: Subset(source, range(40)),
        lambda source: DataLoader(source, batch_size=8),
        lambda source: DataLoader(Subset(source, range(40)), batch_size=8),
        lambda source: ConcatDataset([source, source]),
    ],
)
@pytest.mark.parametrize("classes", [["dog", "cat"], {"cat": 1, "dog": 0}, np.array(["dog", "cat"])], ids=str)
def test_names_of_classes_are_found_inside(part, classes):
    source = part(Named(classes, Y))
    assert rd.from_dataset(source, source).classes == ("dog", "cat")


@pytest.mark.parametrize("classes", [2, "ab", Y])
def test_what_is_no_list_of_names_is_none(classes):
    assert rd.from_dataset(Named(classes, Y), Named(None, Y)).classes == ("0", "1")


def test_names_that_are_given_stand_above_those_that_two_sets_tell():
    cats, birds = Named(["dog", "cat"], Y), Named(["hound", "bird"], Y)
    assert rd.from_dataset(cats, birds, classes=("canine", "other")).classes == ("canine", "other")


def test_a_test_set_that_lists_its_classes_in_another_order_is_renumbered():
    data = rd.from_dataset(Named(["cat", "dog"], Y), Named(["dog", "cat"], 1 - Y))
    assert data.classes == ("cat", "dog") and torch.equal(data.test.labels, Y)
    assert any("another order" in note for note in data.notes)
    with pytest.raises(ValueError, match=r"classes cat, cow, the training set cat, dog"):
        rd.from_dataset(Named(["cat", "dog"], Y), Named(["cat", "cow"], Y))


def test_it_is_trained_and_measured_on():
    data = rd.from_dataset(Bare(), Bare())
    assert data.classes == ("cat", "dog")
    model = rd.build("cnn", classes=2, shape=data.shape, mean=data.mean, std=data.std, width=2)
    assert [e["epoch"] for e in rd.fit(rd.TrainState.new(model), data, rd.clean(), epochs=1, batch=8)] == [1]
    assert rd.measure(model.eval(), data.test, "pgd-1", rd.Linf(0.1)).clean.n == 40


@pytest.mark.parametrize(
    ("source", "error", "told"),
    [
        (7, TypeError, "The training set is 7"),
        ([1, 2], TypeError, "not an image with its label"),
        ([], ValueError, "no images"),
        ([("a", 0)], TypeError, "not an image"),
        ([(torch.rand(3, 8, 8), 0), (torch.rand(3, 9, 9), 1)], ValueError, "several sizes"),
        ([(torch.rand(3, 8, 8) * 4 - 2, i % 2) for i in range(9)], ValueError, r"\[0, 1\]"),
        ([(x * 1.2, y) for x, y in zip(X, Y, strict=True)], ValueError, r"x\.clamp\(0, 1\)"),
        ([(torch.rand(3, 8, 8), 0), (torch.ones(3, 8, 8).byte(), 1)], ValueError, "several types"),
        ([(x.to("meta"), y) for x, y in zip(X, Y, strict=True)], ValueError, "no ordinary tensor"),
        ([(np.zeros((8, 8, 8), np.uint8), 0)], ValueError, "no side is that of the channels"),
        ([{"img": X[0], "label": 0}], TypeError, r"\(d\['img'\], d\['label'\]\)"),
        ([(X[0], "cat")], TypeError, r"names\.index"),
        ([(X[0], None)], TypeError, "label None"),
        ([(X[0], 0.7)], ValueError, "label 0.7"),
        ([(X[0], float("nan"))], ValueError, "label nan"),
        ([(X[0], torch.eye(2)[0])], ValueError, r"argmax"),
        (DataLoader(TensorDataset(X, torch.eye(2)[Y]), batch_size=8), ValueError, r"argmax"),
        (DataLoader(TensorDataset(X[:, 0], Y), batch_size=8), ValueError, r"x\[:, None\]"),
        (TensorDataset, TypeError, "the class TensorDataset"),
    ],
)
def test_what_is_no_data_set_is_one_line(source, error, told):
    with pytest.raises(error, match=told) as refused:
        rd.from_dataset(source, source)
    assert "\n" not in str(refused.value)


def test_fit_and_measure_name_the_way():
    loader = DataLoader(TensorDataset(X, Y))
    model = rd.build("cnn", classes=2, shape=(3, 8, 8), mean=[0.5] * 3, std=[0.5] * 3, width=2)
    with pytest.raises(TypeError, match=r"from_dataset\(train, test\)"):
        rd.fit(rd.TrainState.new(model), loader, rd.clean(), epochs=1, batch=8)
    with pytest.raises(TypeError, match=r"from_dataset\(train, test\)\.test"):
        rd.measure(model.eval(), loader, "pgd-1", rd.Linf(0.1))
