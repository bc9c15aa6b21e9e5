"""Two processes that measure the same run at once, played by two readers of one folder in turn."""

import json

from robustdial import record
from robustdial.attack import PGDAttack
from robustdial.evaluate import Position
from robustdial.study.tradeoff import add_score, frontier_ledger

ATTACK, OTHER = PGDAttack(1), PGDAttack(2)
A, B, C, D = (Position(lam, width) for lam in (0.0, 1.0) for width in (0.5, 1.0))


def found(run):
    return {(p["lam"], p["width"]) for p in json.loads((run.folder / record.FRONTIER).read_text())["points"]}


def test_no_point_of_a_frontier_is_lost(run):
    one, other = (frontier_ledger(run, ATTACK, None, 0) for _ in range(2))
    for book, position in ((one, A), (other, B), (one, C), (other, D)):
        book.measure(position)
    assert found(run) == {A, B, C, D}
    one.write()
    assert found(run) == {A, B, C, D}
    seconds = json.loads((run.folder / record.FRONTIER).read_text())["seconds"]
    assert frontier_ledger(run, ATTACK, None, 0).seconds == seconds > 0


def test_two_attacks_take_turns_and_each_finds_its_points_again(run):
    one, other = frontier_ledger(run, ATTACK, None, 0), frontier_ledger(run, OTHER, None, 0)
    for book, position in ((one, A), (other, A), (one, B), (other, B)):
        book.measure(position)
    assert len(frontier_ledger(run, ATTACK, None, 0).points) == len(frontier_ledger(run, OTHER, None, 0).points) == 2


def test_widths_of_another_process_keep_their_cost(run, monkeypatch):
    one = frontier_ledger(run, ATTACK, None, 0)
    one.measure(A)
    about = json.loads((run.folder / record.FRONTIER).read_text())
    about["points"].append(about["points"][0] | {"width": 0.25})
    about["costs"].append(about["costs"][0] | {"width": 0.25})
    (run.folder / record.FRONTIER).write_text(json.dumps(about))
    one.measure(B)
    after = json.loads((run.folder / record.FRONTIER).read_text())
    assert {(p["width"], "macs" in p) for p in after["points"]} == {(0.25, True), (0.5, True), (1.0, True)}


def test_on_a_full_disk_the_frontier_of_another_attack_stays(run, monkeypatch):
    frontier_ledger(run, ATTACK, None, 0).measure(A)
    before = (run.folder / record.FRONTIER).read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    for room_for in range(2):  # for nothing more, then for the copy alone
        book, left = frontier_ledger(run, OTHER, None, 0), iter([None] * room_for)
        monkeypatch.setattr("robustdial.record.disk.flush", lambda _, left=left: next(left, full) and full(_))
        try:
            book.measure(A)
        except OSError as error:
            assert "Free some disk space" in str(error)
        else:
            raise AssertionError("the disk was full")
        assert (run.folder / record.FRONTIER).read_bytes() == before
    monkeypatch.undo()
    assert len(frontier_ledger(run, ATTACK, None, 0).points) == 1


def test_every_score_is_kept(run):
    for lam in (0.0, 0.5, 1.0):
        score = {"lam": lam, "attack": "pgd-2", "clean": 0.5, "robust": 0.4, "n": 20}
        add_score(run, score)
    assert [score["lam"] for score in record.read_json(run.folder / record.SCORE)["scores"]] == [0.0, 0.5, 1.0]
