"""Bad command lines: exit code 2, one line that names what to change, and nothing made."""

import inspect
from typing import get_type_hints

import pytest
import torch

from robustdial.cli import main
from robustdial.cli.commands import COMMANDS, WITH_RECIPES
from robustdial.cli.flags import comparison_flags, training_flags
from robustdial.recipes import RECIPES

SIGNATURES = {name: command for name, command in COMMANDS.items() if name not in WITH_RECIPES}
SIGNATURES |= {"train oat": training_flags(RECIPES["oat"]), "train radial": training_flags(RECIPES["radial"])}
SIGNATURES |= {"compare free": comparison_flags()}


def words_before(command):
    """A command with something in its place for what it cannot do without."""
    parameters = inspect.signature(SIGNATURES[command]).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_ONLY]
    return [*command.split(), *(["nowhere"] * len(needed))]


def flags(*kinds):
    return [
        (command, name)
        for command, target in SIGNATURES.items()
        for name, hint in get_type_hints(target).items()
        if hint in kinds and name != "return"
        if inspect.signature(target).parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
    ]


def as_flag(name):
    return "--" + name.replace("_", "-")


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a bad line in an empty folder; what it said."""
    monkeypatch.chdir(tmp_path)

    def run(argv):
        assert main.run(argv) == 2
        told = capsys.readouterr().err
        assert told.startswith("robustdial: ") and told.count("\n") == 1, told
        assert "Traceback" not in told and "Error" not in told, told
        assert not list(tmp_path.iterdir())
        return told

    return run


def each_with_one_of(values, found):
    """Every flag with one of the values, in turn; with the others on demand."""
    return [
        pytest.param(
            *flag, value, marks=() if i % len(values) == k else pytest.mark.slow, id=f"{' '.join(flag)} {value}"
        )
        for i, flag in enumerate(found)
        for k, value in enumerate(values)
    ]


FLOATS = flags(float, float | None, tuple[float, ...])


@pytest.mark.parametrize(("command", "name", "value"), each_with_one_of(["inf", "-inf", "nan"], FLOATS))
def test_every_float_is_finite(refused, command, name, value):
    assert as_flag(name) in refused([*words_before(command), f"{as_flag(name)}={value}"])


NAMED = flags(str, str | None) + [
    (command, name)
    for command, target in SIGNATURES.items()
    for name, hint in get_type_hints(target).items()
    if "Path" in str(hint) and inspect.signature(target).parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY
]


@pytest.mark.parametrize("given", [["", None], ["", "="], [" ", None]], ids=["two words", "one word", "a blank"])
@pytest.mark.parametrize(("command", "name"), NAMED, ids=[f"{c} {as_flag(n)}" for c, n in NAMED])
def test_an_empty_word_is_refused_by_name(refused, command, name, given):
    value, joined = given
    words = [f"{as_flag(name)}="] if joined else [as_flag(name), value]
    assert f"{as_flag(name)} is empty" in refused([*words_before(command), *words])


INTS = flags(int, int | None)


@pytest.mark.parametrize(("command", "name", "value"), each_with_one_of([str(2**70), str(-(2**70))], INTS))
def test_a_number_beyond_counting_is_refused(refused, command, name, value):
    assert as_flag(name) in refused([*words_before(command), f"{as_flag(name)}={value}"])


LINES = """
evaluate                                       | An argument is empty | +
report                                         | An argument is empty | +
frontier                                       | robustdial frontier needs more: folder of the run. See
mix                                            | file.py:build, then the second network, named likewise. See
bake nowhere --out net.onx                     | --out net.onx is no file of a format. Did you mean net.onnx?
bake nowhere --out net.pt                      | Did you mean net.pt2?
choose nowhere --clean-min 200%                | --clean-min 200% is not a share. Give one from 0% to 100%.
evaluate nowhere else                          | more than there is room for: else
evaluate nowhere --model net.py:build          | nowhere and --model net.py:build are two networks. Give one
evaluate nowhere --chosen-on all               | --chosen-on all is not known. Choose from none, test, train, val. See
completion tcsh                                | tcsh is not known. Choose from bash, fish, zsh.
table nowhere --format                         | --format has no value behind it. See
evaluate nowhere --n 0                         | --n 0
evaluate nowhere --n -5                        | --n -5
evaluate nowhere --batch 0                     | --batch 0
evaluate nowhere --budget 0                    | --budget 0
train clean --eps 1e999                        | is not a radius
evaluate nowhere --steps 50                    | --attack pgd-50
evaluate nowhere --samples 50                  | The nearest is --n
evaluate nowhere --lambda 0.5                  | The nearest is --lam
train radial --optim adamw                     | There is no flag --optim. The nearest is --optimizer.
train radial --step 0.1                        | follows from the radius and --steps: more of them are smaller
generator --optimizer adamw                    | a generator learns by Adam, with --lr.
evaluate nowhere --optim adamw                 | --optimizer is a flag of train and compare
evaluate nowhere --gpu 0                       | The nearest is --device
frontier nowhere --n 0                         | --n 0
frontier nowhere --lams 0,x                    | --lams cannot be '0', 'x'
cross nowhere --n 0                            | --n 0
choose nowhere --clean-min nan                 | --clean-min nan is not finite
choose nowhere --latency-max infms             | --latency-max
choose nowhere --macs-max -infM                | --macs-max
choose nowhere --refine -1                     | --refine -1
bake nowhere --format pt3                      | The nearest is 'pt2'
generator --lr 0                               | --lr 0
generator --batch 1                            | --batch 1
generator --width 0                            | --width 0
train clean --epochs 0                         | --epochs 0
train clean --epochs -1                        | --epochs -1
train clean --epochs 1.5                       | --epochs 1.5 is no whole number
train clean --batch 0                          | --batch 0
train clean --lr -1                            | --lr -1
train clean --lr x                             | --lr x is no number
train clean --seed -1                          | --seed -1
train clean --seed 4294967296                  | --seed 4294967296
train clean --limit 0                          | --limit 0
train clean --val 1                            | --val 1
train clean --size 100000                      | size=100000
train clean --model-width 1000000000           | width=1000000000
train clean --model-width 0                    | --model-width 0
train clean --model ResNet18                   | Did you mean resnet18
train clean --data Digits                      | Did you mean digits
train clean --device gpu                       | --device gpu is not supported
train clean --save-every nan                   | --save-every nan is not finite
train clean --save-every -1                    | --save-every -1
train clean --weight-decay -1                  | --weight-decay -1
train clean --norm Linf                        | linf
train clean --eps 8                            | 8px
train clean --eps nan                          | is not a radius
train clean --eps inf                          | is not a radius
train clean --rate cosin                       | --rate cosin is not known
train clean --learning-rate 0.1                | There is no flag --learning-rate. The nearest is --lr.
train clean --batch-size 8                     | There is no flag --batch-size. The nearest is --batch.
train clean --wandb                            | There is no flag --wandb. Write --log wandb with train
train clean --steps 7                          | There is no flag --steps.
train clean --gpu 0                            | There is no flag --gpu. The nearest is --device.
train clean --dataset cifar10                  | There is no flag --dataset. The nearest is --data.
train clean --num-epochs 3                     | There is no flag --num-epochs. The nearest is --epochs.
train clean --num-workers 3                    | There is no flag --num-workers.
train clean --cutmix 1e-300                    | cutmix=1e-300 draws no share. Give one from 0.001 to 1000
train oat --steps -1                           | steps=-1 is out of range
train oat --lambdas 0 2                        | between 0 and 1
train oat --lambdas=0,2                        | between 0 and 1
train oat --encoding Cosine                    | cosine
train oat --code 1                             | at least 2
train m-deat --most 0                          | most
compare free:replays=x                         | --replays x is no whole number
compare free:lr=1                              | no knob of free
compare free --seeds 0                         | --seeds 0
compare free --seeds 1000000000                | --seeds 1000000000 is no number of runs per method. Give 1 to
compare free --n 0                             | --n 0
compare free --attack pgd-0                    | pgd-0
compare free --attacks pgd-5                   | There is no flag --attacks. The nearest is --attack.
compare free --steps 5                         | The steps of an attack: --attack pgd-50.
compare free --attack                          | --attack names nothing, perhaps an unset variable
evaluate nowhere --also --n 5                  | --also names nothing, perhaps an unset variable
frontier nowhere --lams=,                      | --lams names nothing, perhaps an unset variable
train oat --lambdas                            | --lambdas names nothing, perhaps an unset variable
evaluate nowhere -lam 0.4                      | -lam: a flag begins with two hyphens. Write --lam.
evaluate nowhere —lam=0.4            | a flag begins with two hyphens. Write --lam.
evaluate nowhere --shard ²/3 | is not a part. Write k/m
train clean --eps 8/255px                      | --eps 8/255px is not a radius
app nowhere --port 0                           | --port 0 is no port. Give one from 1 to 65535
app nowhere --port 65536                       | --port 65536 is no port
"""
TOO_LITTLE = "this machine has too little memory for that. Lower --batch"
ROWS = [[part.strip() for part in line.split("|")] for line in LINES.strip().splitlines()]


@pytest.mark.parametrize(("line", "message", "empty"), [(*row, "")[:3] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_bad_line_is_one_line(refused, line, message, empty):
    assert message in refused([*line.split(), *([""] if empty else [])])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), TOO_LITTLE),
        (RuntimeError("alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried ..."), TOO_LITTLE),
        (RuntimeError("Storage size calculation overflowed with sizes=[1000000000, 1, 3, 3]"), TOO_LITTLE),
        (torch.OutOfMemoryError("CUDA out of memory. Tried ..."), "the accelerator is out of memory. Lower --batch"),
    ],
)
def test_memory_that_runs_out_is_one_line(refused, monkeypatch, error, line):
    def methods():
        raise error

    monkeypatch.setitem(main.COMMANDS, "methods", methods)
    assert line in refused(["methods"])


def test_another_error_of_the_machine_is_not_hidden(monkeypatch):
    def methods():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setitem(main.COMMANDS, "methods", methods)
    with pytest.raises(RuntimeError, match="mat1"):
        main.run(["methods"])


def test_commas_are_understood_between_values(tmp_path, capsys):
    line = f"train oat --lambdas=0,1 --epochs 1 --limit 60 --model-width 2 --steps 1 --eps 0.1 --out {tmp_path / 'x'}"
    assert main.run(line.split()) == 0
    assert '"lambdas": [\n   0.0,\n   1.0\n  ]' in (tmp_path / "x" / "run.json").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bake", "x", "--lam", "40%"], "--lam 40% is no number."),
        (["evaluate", "x", "--lam", "O.5"], "--lam O.5 is no number."),
        (["evaluate", "x", "--n", "1k"], "--n 1k is no whole number."),
        (["evaluate", "x", "--n", "1+1|2---"], "--n 1+1|2--- is no whole number."),
    ],
)
def test_a_flag_that_may_be_left_out_says_what_it_is_not(words, says, capsys):
    assert main.run(words) == 2
    assert capsys.readouterr().err.startswith(f"robustdial: {says} See")
