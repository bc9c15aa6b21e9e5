"""Map-style data sets, loaders and iterables of pairs become data."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

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
