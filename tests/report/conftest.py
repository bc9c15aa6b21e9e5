"""Pages and what they are made of: fixtures over a finished run, and over a comparison."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from plotly.offline import get_plotlyjs

from robustdial.report import render

sys.path.append(str(Path(__file__).parent))  # for `finished` and `compared`, the folders that pages are made of

from compared import comparison, write_comparison
from finished import beyond, costs, cross, pictures, point, score, whole, write


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text outside scripts and styles."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.raw = "", ""
        self.source = path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")
        else:
            self.raw += data

    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.tags if attrs.get("id")]

    def own(self) -> str:
        """The source without plotly.js."""
        return self.source.replace(get_plotlyjs(), "")


@pytest.fixture
def show() -> Callable[[Path], Page]:
    """`show(folder)` renders the page of a folder and opens it."""
    return lambda folder: Page(render(folder))


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a finished run, with everything on it."""
    return Page(render(write(tmp_path_factory.mktemp("page") / "demo", **whole())))


@pytest.fixture
def parts() -> dict[str, Any]:
    """What a finished run leaves, to be changed by a test and handed to `build`."""
    return whole()


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """`build(**parts)` writes a run folder and names it."""
    return partial(write, tmp_path / "demo")


@pytest.fixture
def make_point() -> Callable[..., dict[str, Any]]:
    """`make_point(lam, clean, robust, trained, width)` is one measured point."""
    return point


@pytest.fixture
def make_costs() -> Callable[[tuple[float, ...]], dict[str, Any]]:
    """`make_costs(widths)` is what `frontier.json` says of their costs."""
    return costs


@pytest.fixture
def make_score() -> Callable[..., dict[str, Any]]:
    """`make_score(lam, clean, robust, **more)` is one evaluation."""
    return score


@pytest.fixture
def optional() -> dict[str, Any]:
    """The parts that an evaluation may lack: checks, curve, corruptions, unseen threats, warps, background."""
    return beyond()


@pytest.fixture
def crossing() -> dict[str, Any]:
    """A `cross.json` of three lambdas."""
    return cross()


@pytest.fixture
def make_pictures() -> Callable[[int], dict[str, torch.Tensor]]:
    """`make_pictures(channels)` are digits with attacks at six lambdas."""
    return pictures


@pytest.fixture
def about() -> dict[str, Any]:
    """A `compare.json` of six methods and three seeds: one method is unhealthy in a seed, one is not finished."""
    return comparison()


@pytest.fixture
def compare(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """`compare(about)` writes a folder with this `compare.json`."""
    return partial(write_comparison, tmp_path / "compare")
