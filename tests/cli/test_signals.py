"""Signals in the middle of the work: saved, one line, never a traceback."""

import errno
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from robustdial.cli import main
from robustdial.cli.terminal import interrupt_once, stoppable


def test_five_interrupts_in_a_row_are_one():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt_once()
        with pytest.raises(KeyboardInterrupt), stoppable() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.asked
            os.kill(os.getpid(), signal.SIGINT)
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_one_signal_asks_to_stop_and_what_was_there_before_comes_back(number):
    before = signal.getsignal(number)
    if before is signal.SIG_IGN:  # as under nohup
        pytest.skip(f"{number.name} is ignored by whoever started the tests")
    with stoppable() as stop:
        os.kill(os.getpid(), number)
        assert stop.asked
        assert signal.getsignal(number) is before
    with stoppable():
        pass
    assert signal.getsignal(number) is before


def test_a_closed_terminal_is_passed_over_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_full_disk_does_not_take_is_one_line(monkeypatch, capsys):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = []
    monkeypatch.setattr(sys, "argv", ["robustdial", "--version"])
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=kept.append, flush=full))
    monkeypatch.setattr(main, "speak_plainly", lambda: None)
    monkeypatch.setattr(main, "unheard", lambda: kept.append("nowhere"))
    monkeypatch.setattr(main, "run", lambda argv: 0)
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == 2 and kept == ["nowhere"]
    assert capsys.readouterr().err.startswith("robustdial: what was printed could not be written (No space left on ")


@pytest.mark.parametrize("words", ["--help", "methods", "compare --help"])
def test_a_reader_who_goes_away_is_no_error(words):
    line = f"{sys.executable} -m robustdial {words} | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, 1)  # all was written before the reader went, or not
    assert done.stdout
    assert not done.stderr
