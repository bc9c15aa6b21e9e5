"""Who does not come is named, at once or after some patience; the environment is read with care."""

import socket

import pytest
import torch
import torch.distributed as dist

from robustdial.distributed import Meeting, by_the_model, started_together


def together(patience=0.05):
    store = dist.HashStore()
    return [Meeting(rank, 3, store, patience) for rank in range(3)]


def test_who_is_missing_at_the_start_is_named():
    first, second, _ = together()
    second.store.set("here/1", "")
    with pytest.raises(ConnectionError, match=r"Process 2 of 0 to 2 did not come within 0\.05 s"):
        first.gather()


def test_who_does_not_take_a_step_is_named(monkeypatch):
    monkeypatch.setattr("robustdial.distributed.meeting._STRANDED", 0.05)
    first, second, _ = together()
    second.store.set("stranded/1", "")
    assert "Process 2 of 0 to 2 did not come to the next step" in str(first.broken(RuntimeError("timed out")))


def test_who_has_left_for_a_reason_is_not_blamed(monkeypatch):
    monkeypatch.setattr("robustdial.distributed.meeting._STRANDED", 0.05)
    first, *others = together()
    for other in others:
        other.store.set(f"left/{other.rank}", "")
    assert "lost each other" in str(first.broken(RuntimeError("closed")))


def test_one_of_them_says_what_is_wrong():
    assert [one.first_to_say() for one in together()] == [True, False, False]


def test_what_each_has_to_say_is_heard_by_all():
    first, second, third = together()
    for one in (second, third):
        one.store.set(f"the code/{one.rank}", f"code {one.rank}")
    assert first.told("the code", "code 0") == ["code 0", "code 1", "code 2"]


def test_alone_there_is_nobody_to_meet(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert started_together() is None


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE=two is not a number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "WORLD_SIZE=2 needs RANK, from 0 to 1"),
    ],
)
def test_an_environment_that_makes_no_sense(monkeypatch, words, line):
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=line):
        started_together()


def world(monkeypatch, rank, port):
    words = {"WORLD_SIZE": 2, "RANK": rank, "MASTER_ADDR": "localhost", "MASTER_PORT": port, "ROBUSTDIAL_PATIENCE": 1}
    for name, value in words.items():
        monkeypatch.setenv(name, str(value))


def test_an_address_in_use(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        world(monkeypatch, 0, taken.getsockname()[1])
        with pytest.raises(ConnectionError, match=r"Port \d+ of this machine is in use by another program"):
            started_together()


def test_a_first_process_that_is_not_there(monkeypatch, free_port):
    world(monkeypatch, 1, free_port())
    with pytest.raises(ConnectionError, match="Process 1 cannot reach process 0: nobody listens at localhost"):
        started_together()


def test_a_divided_network_has_no_adversarial_weights():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    assert by_the_model([weight.grad], [weight]) == [weight.grad]
    with pytest.raises(ValueError, match="has no adversarial weights"):
        by_the_model([torch.ones(2)], [weight])
