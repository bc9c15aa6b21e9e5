"""The server of processes: who fails, says something or hangs is told by it, and nobody is left."""

import os

import pytest

PROGRAMS = {
    "ends": ("raise SystemExit(3)", (3, "", "")),
    "speaks": ("import os, sys; print(os.environ['RANK'], *sys.argv[1:])", (0, "{rank} a b\n", "")),
    "complains": ("import sys; print('wrong', file=sys.stderr)", (0, "", "wrong\n")),
}


@pytest.fixture
def played(forked, tmp_path):
    def play(text, **more):
        (tmp_path / "program").write_text(f"if __name__ == '__main__':\n    {text}\n")
        return forked(str(tmp_path / "program"), ["a", "b"], [{"RANK": rank} for rank in range(2)], **more)

    return play


@pytest.mark.parametrize(("text", "end"), PROGRAMS.values(), ids=PROGRAMS)
def test_how_each_has_ended(played, text, end):
    code, said, wrong = end
    assert played(text) == [(code, said.format(rank=rank), wrong) for rank in range(2)]


def test_an_error_is_told_with_its_place(played):
    for end in played("1 / 0"):
        assert end.code == 1
        assert "line 2" in end.wrong
        assert "ZeroDivisionError" in end.wrong


def test_who_hangs_is_killed(played, tmp_path):
    hangs = f"import os, pathlib, time; pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch(); time.sleep(60)"
    assert [(end.code, end.wrong) for end in played(hangs, seconds=0.5)] == [(-9, "")] * 2
    numbers = [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]
    assert len(numbers) == 2
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
