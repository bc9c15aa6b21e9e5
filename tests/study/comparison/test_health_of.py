"""A verdict for every position of a dial."""

import pytest

from robustdial import record
from robustdial.study.comparison import health


def epoch(number, at_1, robust=0.0, n=512):
    val = [{"lam": 0.0, "clean": 0.95, "robust": None, "n": n}, {"lam": 1.0, "clean": at_1, "robust": robust, "n": n}]
    return {"epoch": number, "val": val}


@pytest.fixture
def seen(tmp_path, monkeypatch):
    def told(epochs, troubles=(), lam=1.0):
        (tmp_path / record.EPOCHS).write_text("{}\n")
        monkeypatch.setattr(health.record, "read_training", lambda folder: epochs)
        monkeypatch.setattr(health.record, "read_lines", lambda path: list(troubles))
        return health.health_of(tmp_path, lam)

    return told


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ((0.94, 0.0), (0.45, 0.1), "clean accuracy fell from 94 % in epoch 1 to 45 %"),
        ((0.94, 0.0), (0.45, 0.6), "healthy"),
        ((0.94, 0.0), (0.80, 0.0), "healthy"),
        ((0.45, 0.0), (0.94, 0.0), "healthy"),
    ],
)
def test_clean_accuracy_lost_for_nothing_is_no_health(seen, then, now, said):
    assert seen([epoch(1, *then), epoch(2, *now)]) == said


def test_the_other_end_is_judged_by_itself(seen):
    assert seen([epoch(1, 0.94), epoch(2, 0.45)], lam=0.0) == "healthy"


def test_few_images_prove_little(seen):
    assert seen([epoch(1, 0.9, n=20), epoch(2, 0.65, n=20)]) == "healthy"


def test_a_trouble_of_the_run_comes_first_and_one_of_another_position_does_not_count(seen):
    trouble = {"trouble": "collapse to one class", "epoch": 2, "action": "going on"}
    assert seen([epoch(1, 0.9)], [trouble]) == "collapse to one class in epoch 2"
    assert seen([epoch(1, 0.9)], [trouble | {"lam": 0.0}]) == "healthy"
    assert seen([epoch(1, 0.9)], [trouble | {"action": "back to the end of epoch 1"}]).endswith("taken back")
