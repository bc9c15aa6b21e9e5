"""A tiny trained dial with its frontier, as the page opens it."""

import pytest

from robustdial.app import open_demonstration
from robustdial.cli import main


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app") / "run"
    train = ["train", "radial", "--eps", "0.2", "--steps", "1", "--lambdas", "0", "0.5", "1", "--epochs", "12"]
    train += ["--lr", "0.05", "--batch", "32", "--model-width", "4", "--limit", "400", "--precision", "float32"]
    assert main.run([*train, "--out", str(folder)]) == 0
    assert main.run(["frontier", str(folder), "--attack", "pgd-2", "--n", "40"]) == 0
    return folder


@pytest.fixture
def demo(folder):
    return open_demonstration(folder)
