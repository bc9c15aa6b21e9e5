"""Several processes at one folder, and processes that die there."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from robustdial import record
from robustdial.record import disk, lock
from robustdial.run import Run, resume, start

# the rooms of locks and files alone: the whole package would take seconds to import
ROOM = Path(record.__file__).parent
LIGHT = f"""
import json, os, sys, types
for name, path in (("robustdial", {str(ROOM.parent)!r}), ("robustdial.record", {str(ROOM)!r})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
sys.modules["robustdial.typing"] = types.SimpleNamespace(Json=object)
from pathlib import Path
from robustdial.record import disk, lock, objects
"""


def process(folder, code):
    """A process of its own that does `code`, in which `folder` is known."""
    words = [sys.executable, "-c", f"{LIGHT}\nfolder = Path({str(folder)!r})\n{code}"]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ends_with(folder, code, end):
    """Do `code` in a process of its own, which ends without any clearing up, as after kill -9."""
    with process(folder, code) as begun:
        assert begun.wait(60) == end


@pytest.fixture
def other():
    """`other(folder, code)` starts a process that does `code`, and then waits to be killed."""
    begun = []

    def begin(folder, code):
        begun.append(process(folder, f"{code}\nprint('ready', flush=True); input()"))
        assert begun[-1].stdout.readline() == "ready\n"
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()
        each.communicate()


def test_a_second_trainer_is_refused_by_name_until_the_first_is_dead(tmp_path, other):
    first = other(tmp_path, "held = lock.hold(folder)")
    with pytest.raises(ValueError, match=rf"Process {first.pid} on \S+ is at work in .*Let it finish, or stop it"):
        record.opened(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    held = record.opened(tmp_path)
    assert held.good
    assert json.loads((tmp_path / ".trainer.lock").read_text())["process"] == os.getpid()
    del held
    assert not list(tmp_path.iterdir())


def test_a_process_may_open_its_own_run_again(tmp_path):
    first = record.opened(tmp_path)
    assert record.opened(tmp_path) is first


def test_a_run_is_trained_by_one_process(tmp_path, other):
    settings = Run(model_width=4, epochs=1, limit=200, out=str(tmp_path / "run"))
    experiment = start("pgd-at", {"eps": 0.2, "steps": 1}, settings)
    assert (tmp_path / "run" / ".trainer.lock").exists()
    del experiment
    other(tmp_path / "run", "held = lock.hold(folder)")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(ValueError, match="is at work in"):
        resume(tmp_path / "run")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}


def test_nothing_is_lost_between_processes_that_change_a_file(tmp_path):
    adding = """
path = folder / "numbers"
for number in range(12):
    with lock.changing(path):
        known = json.loads(path.read_text()) if path.exists() else []
        objects.write_json(folder / "other", {"n": known})  # time to be interrupted in
        path.write_text(json.dumps([*known, number]))
"""
    begun = [process(tmp_path, adding) for _ in range(3)]
    for each in begun:
        each.communicate()
    assert sorted(json.loads((tmp_path / "numbers").read_text())) == sorted([*range(12)] * 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["numbers", "other"]


def test_a_dead_process_holds_no_file(tmp_path):
    ends_with(tmp_path, "with lock.changing(folder / 'score.json'): os._exit(7)", 7)
    assert list(tmp_path.iterdir())
    with record.changing(tmp_path / "score.json"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_process_that_does_not_let_go_is_named(tmp_path, other, monkeypatch):
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)
    other(tmp_path, "claimed = lock.claim(folder / '.score.json.lock')")
    with (
        pytest.raises(OSError, match=r"score\.json is being written by another process"),
        record.changing(tmp_path / "score.json"),
    ):
        pass


def test_without_locks_the_work_goes_on_and_says_so_once(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(lock, "fcntl", None)
    held = record.opened(tmp_path)
    for _ in range(2):
        with record.changing(tmp_path / "score.json"):
            record.write_json(tmp_path / "score.json", {"scores": []})
    assert held.good
    assert [line.getMessage() for line in caplog.records] == [
        f"{tmp_path} is on a file system without locks: see to it that one command at a time writes there."
    ]


def test_parts_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path):
    ends_with(tmp_path, "disk.write_file(folder / 'dead', lambda part: os._exit(9))", 9)
    assert list(tmp_path.iterdir())
    (tmp_path / ".older.1-2.part").write_text("of a version without locks")
    (tmp_path / "mine.part").write_text("")

    def fill(part):
        part.write_text("half")
        sweeper = Thread(target=record.sweep, args=(tmp_path,))
        sweeper.start()
        sweeper.join()
        part.write_text(part.read_text() + "whole")

    record.write_file(tmp_path / "living", fill)
    assert (tmp_path / "living").read_text() == "halfwhole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["living", "mine.part"]


def test_a_run_that_died_while_it_began_is_taken_over(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    ends_with(folder, "held = lock.hold(folder); disk.write_file(folder / 'run.json', lambda part: os._exit(5))", 5)
    assert list(folder.iterdir())
    with pytest.raises(FileNotFoundError, match="stopped before it began: give its command again"):
        record.read_run(folder)
    held = record.create(folder, record.RUN, {})
    assert sorted(path.name for path in folder.iterdir()) == [".trainer.lock", record.RUN]
    held.release()


def test_a_full_disk_at_the_beginning_advises_no_resume_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "flush", full)
    with pytest.raises(OSError, match=r"run\.json could not .*Free some disk space, then give the command again"):
        record.create(tmp_path / "run", record.RUN, {})
    assert not (tmp_path / "run").exists()


def test_a_line_is_in_the_file_before_it_is_pushed_to_the_disk(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("robustdial.record.lines.flush", lambda _: seen.append((tmp_path / "a.jsonl").read_text()))
    record.append_line(tmp_path / "a.jsonl", {"epoch": 1})
    assert seen == ['{"epoch": 1}\n']
