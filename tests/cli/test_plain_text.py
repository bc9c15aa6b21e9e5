"""What a user has named is text: no markup, no emoji, in the terminal, in tables and in bars."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from robustdial.cli import main
from robustdial.cli.bars import counting
from robustdial.cli.compared import comparison_table
from robustdial.cli.points import points_table
from robustdial.cli.scores import print_score, rows_table
from robustdial.cli.terminal import console, errors, speak_plainly

NAMES = ["q[/b]", "set [v2]", "folder:dog:", ":warning:", "[bold]x", "[red]", "a[/]", "{x}", "\\[x]"]


def printed(thing, width=200):
    with console.capture() as told:
        console.print(thing, width=width)
    return told.get()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_printed_as_it_is(name, capsys):
    for where in (console, errors):
        where.print(f"report: {name}", soft_wrap=True)
    out, err = capsys.readouterr()
    assert out == err == f"report: {name}\n"


POINT = {"lam": 0.5, "width": 1.0, "clean": 0.9, "clean_interval": [0.8, 1.0], "robust": 0.5, "trained": True}
POINT |= {"robust_interval": [0.4, 0.6], "attack": "pgd-20", "n": 10}
ESTIMATE = {"mean": 0.02, "low": 0.0, "high": 0.1}


def compared(label):
    row = {"label": label, "clean": ESTIMATE, "robust": {"pgd-20": ESTIMATE}, "also": {}, "health": ["healthy"]}
    run = {"data": label, "model": "cnn", "epochs": 1}
    row |= {"passes": {"mean": 1.0}, "seconds": {"mean": 1.0}}
    return {"run": run, "rows": [row], "attacks": ["pgd-20"], "interval": "95 %"}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_table_is_text(name):
    assert name in printed(points_table([POINT], name))
    assert name in printed(rows_table("unseen", [{"threat": name, "robust": 0.5, "robust_interval": [0, 1], "n": 5}]))
    assert printed(comparison_table(compared(name))).count(name) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_bar_is_text(name):
    bar = counting(name, 3, Console(force_terminal=True, file=io.StringIO()))
    assert name in printed(bar.get_renderable())


def test_a_long_name_is_folded_and_not_cut():
    name = "trades:beta=6.0,steps=10,step=0.25,mode=train"
    told = printed(comparison_table(compared(name)), width=80)
    first = "".join(line.split("│")[1].strip() for line in told.splitlines() if line.count("│") > 2)
    assert first == name and "…" not in told


def test_an_interval_that_begins_at_zero_is_told():
    assert "0.0\N{EN DASH}10.0" in printed(comparison_table(compared("x")))


@pytest.mark.parametrize("name", ["q[/b]", "set [v2]"])
def test_a_run_of_any_name_ends_well(tmp_path, capsys, name):
    out = str(tmp_path / name)
    line = "train clean --epochs 1 --limit 60 --model-width 2 --out"
    assert main.run([*line.split(), out]) == 0
    assert name in capsys.readouterr().out.replace("\n", "")


def test_letters_that_a_terminal_does_not_know_are_the_nearest(monkeypatch):
    told = (("ascii", "95-99, 4x, lambda us + x >= e ?"), ("latin-1", "95-99, 4\xd7, lambda \xb5s + x >= \xe9 ?"))
    for encoding, known in told:
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        speak_plainly()
        print(
            "95\N{EN DASH}99, 4\N{MULTIPLICATION SIGN}, \N{GREEK SMALL LETTER LAMDA} \N{MICRO SIGN}s "
            "\N{CHECK MARK} \N{BALLOT X} \N{GREATER-THAN OR EQUAL TO} \xe9 \udcff",
            end="",
        )
        sys.stdout.flush()
        assert sys.stdout.buffer.getvalue().decode(encoding) == known


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_takes_what_is_printed(monkeypatch, stream):
    monkeypatch.setattr(sys, stream, None)
    speak_plainly()
    print("into the void", file=getattr(sys, stream), flush=True)
    getattr(sys, stream).close()


@pytest.mark.parametrize(("setting", "lines"), [("COLUMNS=0", 1), ("PYTHONIOENCODING=ascii", 1)])
def test_odd_settings_of_a_scheduler_leave_the_output(setting, lines):
    line = f"{setting} {sys.executable} -m robustdial --version"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, lines, "")


def test_what_stands_out_is_still_text(capsys):
    standing = [{"attack": "clean", "standing": 3, "seconds": 0.1}]
    score = {"model": "a[/b]", "lam": None, "n": 4, "threat_model": "Linf", "radius": 0.1, "standing": standing}
    print_score(score)
    assert "a[/b]; Linf" in capsys.readouterr().out.replace("\n", " ")
