"""`robustdial COMMAND [flags]`: from words to a command, from its end to an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import robustdial
from robustdial.cli.arguments import bind
from robustdial.cli.commands import APART, COMMANDS, TOGETHER, WITH_RECIPES
from robustdial.cli.slips import empty_word, home
from robustdial.cli.terminal import console, interrupt_once, speak_plainly, unheard
from robustdial.cli.together import first_to_say, in_company, join, leave_alike, part
from robustdial.cli.usage import UsageError, choose, refuse


def main() -> None:
    """Entry point: 0 on success, 2 with one line on bad input, 130 when interrupted, 1 when nobody reads on."""
    interrupt_once()
    speak_plainly()
    code = 0
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # as of `| head`: no fault of anyone; 1 is what rich leaves with
        unheard()
        code = 1
    except OSError as error:  # as of a full disk behind `>`; what was printed waits in a buffer until here
        if code != 2:  # which has said its line
            _say(f"what was printed could not be written ({error.strerror}). Mend that, then give the command again.")
        unheard()
        code = 2
    leave_alike()
    sys.exit(code)


def run(argv: Sequence[str]) -> int:
    """Run a command line; the exit code."""
    try:
        if not argv or argv[0] in ("-h", "--help"):
            console.print(_overview(), soft_wrap=True)
            return 0
        if argv[0] in ("-V", "--version"):
            console.print(f"robustdial {robustdial.__version__}")
            return 0
        refuse(_lost())
        argv = [home(word) for word in argv]
        refuse(empty_word(argv[1:]))
        name = choose(argv[0], tuple(COMMANDS), "command")
        if in_company() and name not in APART and join().size > 1 and name not in TOGETHER:
            raise UsageError(f"robustdial {name} runs in one process. Start it without torchrun.")
        if name in WITH_RECIPES:
            return COMMANDS[name](argv[1:]) if WITH_RECIPES[name](argv[1:]) else 0
        return bind(COMMANDS[name], argv[1:], f"robustdial {name}")()
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        if os.environ.get("ROBUSTDIAL_TRACEBACK"):
            traceback.print_exc()
        _say(" ".join(str(error).split()))
        return 2
    except (MemoryError, RuntimeError) as error:
        short = _short_of_memory(error)
        if short is None:
            raise
        _say(f"{short}. {_SMALLER}")
        return 2
    except KeyboardInterrupt:
        _say("interrupted; finished files are intact.")
        return 130
    finally:
        part()


def _say(line: str) -> None:
    if first_to_say():
        with suppress(OSError):  # the exit code says it too
            print(f"robustdial: {line}", file=sys.stderr, flush=True)


def _lost() -> str | None:
    """What to say where the folder that all paths begin in is gone; PyTorch would end without a word of its own."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return "The folder that this shell stands in has been deleted. Go to another one with cd."
    return None


_SMALLER = "Lower --batch or --size, raise --accumulate, use fewer images (--limit, --n), or a smaller --model."


def _short_of_memory(error: Exception) -> str | None:
    """Whose memory ran out, in words; None if none did. torch has no exception of its own for that of the processor."""
    if type(error).__name__ == "OutOfMemoryError":
        return "the accelerator is out of memory"
    told = ("DefaultCPUAllocator", "can't allocate memory", "Storage size calculation overflowed")
    if isinstance(error, MemoryError) or any(words in str(error) for words in told):
        return "this machine has too little memory for that"
    return None


def _overview() -> str:
    rows = [f"  {name:10} {(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return "\n".join(["robustdial: train once, dial at test time\n", *rows, "\nflags: robustdial COMMAND --help"])
