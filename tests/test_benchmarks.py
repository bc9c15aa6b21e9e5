"""The benchmarks run, and notice when they would compare things that are not alike. Nothing here is timed."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from robustdial.attack import APGD, FAB, APGDTargeted, Cascade, Square
from robustdial.dial import PaperFiLM, Scalar

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LIBRARIES = {"torchattacks": "torchattacks", "foolbox": "foolbox", "ART": "art"}


@pytest.fixture
def benchmark_of(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture(autouse=True)
def one_thread():
    # the networks are so small that threads mostly wait for one another
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny():
    """A network that is easily fooled, images, and what it takes them for."""
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)).eval(), torch.rand(4, 3, 32, 32)
    return net, x, net(x).argmax(1)


def test_passes_gives_a_rate_of_every_contender(benchmark_of, monkeypatch, tmp_path):
    passes, file = benchmark_of("passes"), tmp_path / "passes.json"
    monkeypatch.setattr(passes, "STEPS", 1)
    passes.main(width=8, batch=4, rounds=1, precision=("float32",), threads=1, json=file)
    found = json.loads(file.read_text())["results"]["float32"]
    assert found.keys() >= {"pgd-at step", "oat step", "step of an attack"}
    assert all(len(timing["rates"]) == 1 for timings in found.values() for timing in timings.values())


@pytest.mark.parametrize("recipe", ["pgd-at", "oat"])
def test_compiled_times_each_part_of_a_step(recipe, benchmark_of, monkeypatch, tmp_path):
    bench, file = benchmark_of("compiled"), tmp_path / "compiled.json"
    monkeypatch.setattr(torch, "compile", lambda model, **_: lambda *given: model(*given))
    bench.main(recipe, steps=1, width=8, batch=4, rounds=1, precision="float32", threads=1, json=file)
    found = json.loads(file.read_text())
    assert found["results"].keys() == found["first"].keys() == {"climb", "learn", "step"}


def test_memory_finds_less_term_by_term_and_least_with_blocks_again(benchmark_of):
    bench = benchmark_of("memory")
    kept = [bench.Case("oat", way, 8, 32, "float32").measured()["kept"] for way in bench.WAYS]
    assert kept[2] < kept[1] < kept[0]


def test_passes_refuses_to_compare_different_arithmetic(benchmark_of, monkeypatch):
    passes = benchmark_of("passes")
    monkeypatch.setattr(passes, "STEPS", 1)
    contest = passes.contests(passes.ResNet(10, 3, 8), 4)["pgd-at step"]
    with pytest.raises(AssertionError, match="not close"):
        replace(contest, method=passes.pgd_at(step=0.5)).check(torch.rand(4, 3, 32, 32), torch.randint(10, (4,)))


def test_feed_gives_a_rate_of_every_contender_and_compares_equal_images(benchmark_of, monkeypatch, tmp_path):
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    feed, file = benchmark_of("feed"), tmp_path / "feed.json"
    monkeypatch.setattr(feed, "SIDE", 16)
    feed.main(images=40, batch=16, workers=1, rounds=1, width=8, folder=tmp_path, json=file)
    found = json.loads(file.read_text())["results"]
    assert found["uint8 batches"].keys() == {"torchvision", "folder", "shards"}
    assert found["engine"].keys() == {"clean", "oat, 7 steps"}
    assert all(len(timing["rates"]) == 1 for timings in found.values() for timing in timings.values())
    one, other = feed.contests(tmp_path / "40", 16, 1), feed.contests(tmp_path / "40", 8, 1)
    with pytest.raises(AssertionError):
        feed.check(one["uint8 batches"]["folder"], other["uint8 batches"]["folder"])


def test_baked_times_every_form_of_a_network(benchmark_of, monkeypatch, tmp_path):
    baked, file = benchmark_of("baked"), tmp_path / "baked.json"
    monkeypatch.setattr(baked, "FILES", ("pt2",))
    baked.main(models=("cnn",), width=4, batch=4, rounds=1, threads=1, json=file)
    timings = json.loads(file.read_text())["results"]["cnn"]
    assert list(timings) == ["plain", "at(0.4)", "bake(0.4)", "baked, pt2"]


def test_our_attack_is_timed_and_judged(benchmark_of):
    attacks = benchmark_of("attacks")
    net, x, y = tiny()
    ours = attacks.ours(net, ("float32",), (False,))
    timings = attacks.speeds(ours, 2, 1)
    assert {name: len(timing.rates) for name, timing in timings.items()} == {"robustdial, float32": 1}
    assert attacks.accuracy(net, ours["robustdial, float32"], x, y, 4) == 0


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_peer_attacks_within_the_same_ball(benchmark_of, name):
    pytest.importorskip(LIBRARIES[name], reason=f"{name} lives in .venv-peers, which benchmarks/attacks.py makes")
    attacks = benchmark_of("attacks")
    net, x, y = tiny()
    assert attacks.accuracy(net, attacks.PEERS[name](net), x, y, 4) == 0


def test_an_attack_outside_the_ball_is_not_judged(benchmark_of):
    attacks = benchmark_of("attacks")
    net, x, y = tiny()
    with pytest.raises(AssertionError, match="outside the ball"):
        attacks.accuracy(net, lambda images, labels: (images + 0.1).clamp(0, 1), x, y, 4)


def test_accuracy_without_weights_is_skipped_visibly(benchmark_of, tmp_path, capsys):
    missing = tmp_path / "no.safetensors"
    assert benchmark_of("attacks").compare_accuracies(missing, missing, ("float32",)) is None
    assert "skipped" in capsys.readouterr().out


def test_autoattack_gives_a_time_and_a_verdict_of_every_part(benchmark_of, monkeypatch):
    bench = benchmark_of("autoattack")
    quick = Cascade((APGD(steps=2), APGDTargeted(2, 2), FAB(steps=2), Square(queries=5)), "quick")
    monkeypatch.setattr(bench, "autoattack", lambda: quick)
    net, x, y = tiny()
    courses = {"robustdial": bench.Course(bench.ours(net)), bench.BASE: bench.Course(((lambda x, y: x),) * 4)}
    for _ in range(2):
        bench.play(net, courses, x, y)
    ours, idle = courses.values()
    assert (ours.standing, idle.standing) == ([0, 0], [4, 4])
    assert ours.given == [[4, 0, 0, 0]] * 2 and idle.given == [[4, 4, 4, 4]] * 2
    assert bench.table(courses, 8).row_count == 2
    assert json.loads(json.dumps(bench.numbers(courses)))["robustdial"]["standing"] == [0, 0]


def test_autoattack_of_a_peer_attacks_within_the_same_ball(benchmark_of):
    pytest.importorskip("torchattacks", reason="torchattacks lives in .venv-peers, made by benchmarks/autoattack.py")
    bench = benchmark_of("autoattack")
    net, x, y = tiny()
    course = bench.Course(bench.theirs(net))
    bench.play(net, {"theirs": course}, x, y)
    assert course.standing == [0]


def test_an_attack_of_autoattack_outside_the_ball_is_not_timed(benchmark_of):
    bench = benchmark_of("autoattack")
    net, x, y = tiny()
    far = bench.Course(((lambda x, y: (x + 0.1).clamp(0, 1)),) * 4)
    with pytest.raises(AssertionError, match="left the ball"):
        bench.play(net, {"far": far}, x, y)


def test_methods_compares_a_family_and_prints_its_table(benchmark_of, monkeypatch, tmp_path, capsys):
    methods = benchmark_of("methods")
    monkeypatch.setitem(methods.FAMILIES, "replays", ("free:replays=2,carry=false", "fgsm-rs"))
    settings = {"data": "digits", "limit": 200, "model": "cnn", "model_width": 4, "epochs": 1, "eps": "0.2", "n": 20}
    methods.main(**settings, families=("replays",), out=tmp_path)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == ["| `free:replays=2,carry=false`", "| `fgsm-rs`"]
    assert [row[4] for row in rows] == ["2.0", "2.0"]
    assert max(float(row[6]) for row in rows) == 1
    methods.main(families=("replays",), tables_only=True, out=tmp_path)
    assert "| `fgsm-rs` |" in capsys.readouterr().out


def test_conditioners_prints_a_row_of_every_network(benchmark_of, monkeypatch):
    conditioners = benchmark_of("conditioners")
    monkeypatch.setattr(conditioners, "CIFAR", ("cnn",))
    monkeypatch.setattr(conditioners, "IMAGENET", ())
    header, _, row = conditioners.rows()
    assert row.startswith("| `cnn` | ")
    assert row.count("|") == header.count("|")


def test_the_papers_film_costs_what_was_published(benchmark_of):
    """ResNet34OAT with a code of one number: 31.404 M parameters; 1.1837 against 1.1635 GFLOPs.

    The published difference is two operations for a multiply-add of FiLM, though one for that of a convolution.
    """
    conditioners = benchmark_of("conditioners")
    net, x = conditioners.network("resnet34")
    plain = conditioners.cost(net, x)
    oat = conditioners.dialed(net, x, Scalar(), PaperFiLM(), film=lambda name, module: "shortcut" not in name)
    assert round(oat.parameters / 1e6, 3) == 31.404
    assert round(2 * (oat.work - plain.work) / 1e9, 4) == round(1.1837 - 1.1635, 4)


def test_broken_defences_prints_what_was_seen_of_each(benchmark_of, monkeypatch):
    defences = benchmark_of("broken_defences")
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    monkeypatch.setattr(defences, "trained", lambda data, method, epochs: net)
    monkeypatch.setattr(defences, "BROKEN", {"softmax": defences.BROKEN["softmax output"]})
    table = "\n".join(defences.rows())
    assert "| none: standard training | | |" in table
    assert "| softmax | **`softmax-output`** | Rows sum to 1" in table


def test_generative_trains_and_measures_its_systems_and_goes_on(benchmark_of, monkeypatch, tmp_path, capsys):
    monkeypatch.delitem(sys.modules, "generative", raising=False)  # an example has the same name
    bench = benchmark_of("generative")
    small = {"limit": 100, "width": 4, "epochs": 1, "generator_epochs": 1, "generator_width": 2, "steps": 1, "n": 20}
    settings = bench.Settings("digits", **small, attack="pgd-1", levels=(1,), only=("random", "gat"), out=tmp_path)
    bench.main(settings)
    rows = [
        line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith(("| random", "| gat"))
    ]
    assert [row[0] for row in rows] == ["| random", "| gat"]
    found = json.loads((tmp_path / "seed0" / "gat.json").read_text())
    low, high = found["measured"]["linf"]["interval"]
    assert low <= found["measured"]["linf"]["value"] <= high
    assert found["passes"] == 3
    bench.main(settings)
    assert "loss" not in capsys.readouterr().out


def test_self_training_measures_every_system_once(benchmark_of, tmp_path):
    bench = benchmark_of("self_training")
    settings = bench.Settings(
        data="digits",
        limit=256,
        labelled=128,
        model="cnn",
        width=4,
        epochs=1,
        batch=64,
        steps=1,
        draws=1,
        attack="pgd-1",
        n=10,
        spatial_attack="worst-of-1",
        spatial_n=10,
        out=tmp_path,
    )
    lab = bench.Lab(settings, 0)
    rows = {row["system"]: row for row in bench.results(lab)}
    assert rows.keys() == bench.systems(settings).keys()
    assert all(row["n"] == 10 and row["clean_interval"][0] <= row["clean"] for row in rows.values())
    assert {lab.epochs(system.method) for system in bench.systems(settings).values()} == {1, 2}
    assert list(bench.results(lab)) == []


@pytest.mark.parametrize("domain", ["warps", "corruptions"])
def test_attributes_measures_every_system_once(benchmark_of, monkeypatch, tmp_path, capsys, domain):
    if domain == "corruptions":
        pytest.importorskip("kornia")
    bench = benchmark_of("attributes")
    small = {"data": "digits", "limit": 100, "width": 4, "epochs": 1, "batch": 50, "steps": 1, "n": 10}
    settings = bench.Settings(domain, **small, only=("random", "agat"), out=tmp_path)
    bench.main(settings)
    told = capsys.readouterr().out
    assert [line.split(" | ")[:2] for line in told.splitlines() if line.startswith(("| agat", "| random"))] == [
        ["| agat", "1"],
        ["| random", "1"],
    ]
    monkeypatch.setattr(bench, "measured", None)  # all is there: a second call only reads
    bench.main(settings)
    assert capsys.readouterr().out in told


def test_random_augmentation_may_spend_what_agat_spends(benchmark_of, tmp_path):
    bench = benchmark_of("attributes")
    settings = bench.Settings(data="digits", limit=200, width=4, epochs=2, batch=50, steps=3, every=1, out=tmp_path)
    lab, spent = bench.Lab(settings, 0), {}
    for name in ("agat", "random, longer"):
        lab.trained(name, *settings.systems()[name])
        spent[name] = json.loads((lab.folder / f"{name}.cost.json").read_text())["passes"]
    assert spent["random, longer"] == pytest.approx(spent["agat"])


def test_localized_measures_every_system_once(benchmark_of, tmp_path, capsys):
    localized = benchmark_of("localized")
    settings = localized.Settings(
        limit=60, epochs=1, width=4, steps=1, masks=("saliency",), n=20, attack="pgd-1", out=tmp_path
    )
    localized.main(settings)
    assert "seed 0 localized-saliency: natural" in capsys.readouterr().out
    about = json.loads((tmp_path / "seed0" / "localized-saliency.json").read_text())
    assert about["inputs"].keys() >= {"natural", "behind saliency", "everywhere", "background: noise"}
    localized.main(settings)
    again = capsys.readouterr().out
    assert "seed 0" not in again
    assert again.count("| 1 |") == 3


def worth_settings(worth, out, **changes):
    small = {"data": "digits", "limit": 200, "model": "cnn", "width": 4, "n": 20, "attack": "pgd-2", "steps": 1}
    return worth.Settings(**(small | {"first": 1, "epochs": 1, "eps": 50, "out": out} | changes))


def test_worth_measures_what_is_asked_for_and_goes_on_from_there(benchmark_of, tmp_path, capsys):
    worth = benchmark_of("worth")
    asked = ("radial-trades, taught", "radial-trades, averaged", "mixing, taught")
    worth.main(worth_settings(worth, tmp_path, only=asked[:1]))
    first = json.loads((tmp_path / "seed0" / "radial-trades-taught.json").read_text())
    assert [point["n"] for point in first["points"]] == [20] * 6
    assert "radial-trades-taught 1/1" in capsys.readouterr().out
    worth.main(worth_settings(worth, tmp_path, only=asked))
    assert "radial-trades-taught 1/1" not in capsys.readouterr().out
    mixed = json.loads((tmp_path / "seed0" / "mixing-taught.json").read_text())
    assert [point["forwards"] for point in mixed["points"]] == [2, 2, 2, 1]
    picture = benchmark_of("worth_picture")
    assert list(picture.read(tmp_path)) == ["mixing, taught", "radial-trades, taught", "radial-trades, averaged"]


def test_worth_mixes_within_a_dial_and_with_bent_logits(benchmark_of, tmp_path):
    worth = benchmark_of("worth")
    asked = ("radial, taught", "within, taught", "nuts, taught", "line, taught")
    worth.main(worth_settings(worth, tmp_path, only=asked))
    read = {name: json.loads((tmp_path / "seed0" / f"{name}-taught.json").read_text()) for name in ("within", "nuts")}
    assert [point["forwards"] for point in read["within"]["points"]] == [2, 2, 2]
    assert [point["position"] for point in read["nuts"]["points"]] == [0.25, 0.5, 0.75, 1]
    assert set(benchmark_of("worth_picture").read(tmp_path)) == set(asked)


def test_worth_refuses_to_mix_results_of_other_settings_and_names_it_does_not_know(benchmark_of, tmp_path):
    worth = benchmark_of("worth")
    worth.check_settings(worth_settings(worth, tmp_path))
    worth.check_settings(worth_settings(worth, tmp_path, seeds=(3,)))
    with pytest.raises(ValueError, match="was made with width 4"):
        worth.main(worth_settings(worth, tmp_path, width=8))
    with pytest.raises(ValueError, match="There is no system radical"):
        worth.main(worth_settings(worth, tmp_path, only=("radical",)))


def test_middle_measures_every_change_once_and_compares_at_equal_accuracy(benchmark_of, tmp_path, capsys):
    middle, asked = benchmark_of("middle"), ("as it is", "middle", "near", "two teachers", "mixture", "head")
    for _ in range(2):
        middle.play(worth_settings(middle, tmp_path, only=asked), "middle", middle.changes)
    files = sorted(tmp_path.glob("seed0/middle-*.json"))
    assert {json.loads(file.read_text())["system"] for file in files} == {f"middle, {name}" for name in asked}
    assert all(len(json.loads(file.read_text())["points"]) == 6 for file in files)
    assert capsys.readouterr().out.count("| two teachers |") == 2
    assert benchmark_of("worth_picture").read(tmp_path) == {}  # which draws other systems, of the same folder
    points = [{"clean": 0.8, "robust": 0.1}, {"clean": 0.6, "robust": 0.3}]
    assert [middle.at_level(points, level) for level in (0.9, 0.8, 0.65, 0.5)] == [None, 0.1, pytest.approx(0.25), None]


def test_cheaper_pays_the_passes_that_it_names(benchmark_of, tmp_path, capsys):
    cheaper, passes = benchmark_of("cheaper"), {"pgd-1": 2, "n-fgsm": 2, "pgd-2": 3, "pgd-1-longer": 4}
    asked = ("pgd-1", "n-fgsm", "pgd-2", "pgd-1 longer")
    cheaper.play(worth_settings(cheaper, tmp_path, only=asked), "cheaper", cheaper.adversaries)
    assert capsys.readouterr().out.count("| n-fgsm |") == 1
    for name, dear in passes.items():
        spent = json.loads((tmp_path / "seed0" / f"{name}.cost.json").read_text())["passes"]
        assert dear * 0.7 < spent < dear  # a sixth of the rows has no adversary, and pays for one pass
        assert len(json.loads((tmp_path / "seed0" / f"cheaper-{name}.json").read_text())["points"]) == 6


def test_two_teachers_answer_by_lambda(benchmark_of):
    middle = benchmark_of("middle")
    one, two = (nn.Sequential(nn.Flatten(), nn.Linear(4, 3)) for _ in range(2))
    x, lam = torch.rand(3, 1, 2, 2), torch.tensor([0.0, 0.5, 1.0])
    view = SimpleNamespace(lam=lam, y=torch.tensor([0, 1, 2]), teacher_probs=middle.Couple(one, two)(x).softmax(1))
    labels = middle.Counselled(None, share=torch.ones_like, second=torch.clone)._labels(view)
    p, q = one(x).softmax(1), two(x).softmax(1)
    torch.testing.assert_close(labels, torch.stack([p[0], (p[1] + q[1]) / 2, q[2]]))


def test_widths_measures_both_widths_of_one_dial_beside_dials_of_one(benchmark_of, tmp_path):
    widths = benchmark_of("widths")
    for _ in range(2):
        widths.main(worth_settings(widths, tmp_path))
    found = {file.stem: json.loads(file.read_text())["points"] for file in tmp_path.glob("seed0/widths-*.json")}
    assert {name: {point["width"] for point in points} for name, points in found.items()} == {
        "widths-both": {0.5, 1.0},
        "widths-both-oats": {0.5, 1.0},
        "widths-full": {1.0},
        "widths-half": {0.5},
    }


def test_overfitting_says_when_a_run_broke_and_whether_the_monitor_noticed(benchmark_of, tmp_path, capsys):
    overfitting = benchmark_of("overfitting")
    settings = {"data": "digits", "limit": 200, "model": "cnn", "model_width": 4, "epochs": 1, "n": 20}
    overfitting.main(**settings, radii=(51,), methods=("fgsm", "pgd-at:steps=2"), out=tmp_path)
    overfitting.main(radii=(51,), tables_only=True, out=tmp_path)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| `")]
    assert [row[:2] for row in rows] == 2 * [["| `fgsm`", "2.0"], ["| `pgd-at:steps=2`", "3.0"]]


@pytest.mark.parametrize(
    ("robust", "alarm", "said"),
    [
        ((0.1, 0.3, 0.28), None, "stayed robust"),
        ((0.1, 0.3, 0.28), 2, "stayed robust; alarm in epoch 2"),
        ((0.1, 0.3, 0.15), 3, "broke in epoch 3, noticed at once"),
        ((0.1, 0.3, 0.15), None, "broke in epoch 3, not noticed"),
        ((0.3, 0.1, 0.0), 3, "broke in epoch 2, noticed 1 late"),
        ((0.3, 0.3, 0.0), 2, "broke in epoch 3, noticed 1 before"),
        ((0.3, 0.1, 0.3), None, "stayed robust"),
        ((0.01, 0.0, 0.0), 2, "never robust; alarm in epoch 2"),
    ],
)
def test_overfitting_reads_the_fate_of_a_run(benchmark_of, robust, alarm, said):
    troubles = ("catastrophic overfitting" if epoch == alarm else None for epoch in (1, 2, 3))
    epochs = [
        {"epoch": epoch, "val": [{"robust": share}], "trouble": trouble}
        for epoch, share, trouble in zip((1, 2, 3), robust, troubles, strict=True)
    ]
    assert benchmark_of("overfitting").fate_of(epochs).verdict == said


@pytest.mark.parametrize("name", ["oat", "agat"])
def test_gpu_finds_no_difference_between_a_device_and_itself(benchmark_of, monkeypatch, tmp_path, name):
    gpu, file = benchmark_of("gpu"), tmp_path / "gpu.json"
    monkeypatch.setattr(gpu.gpu_agreement, "RECIPES", [name])
    gpu.main(device="cpu", quick=True, parts=("agreement",), json=file)
    found = json.loads(file.read_text())["agreement"]
    assert (found["largest difference"], found["apart"]) == ({name: {"double": 0.0}}, [])


def test_gpu_names_what_did_not_fit_into_the_time(benchmark_of, monkeypatch, tmp_path):
    gpu, file = benchmark_of("gpu"), tmp_path / "gpu.json"
    gpu.main(device="cpu", quick=True, minutes=0.0, json=file)
    found = json.loads(file.read_text())
    assert set(found["agreement"]["left out"]) >= {"oat", "free"}
    assert found["speed"]["left out"] == ["attack pass", "learning pass", "pgd-at, engine"]
    assert found["training"]["left out"] == ["m-deat", "radial"]


@pytest.mark.slow
def test_gpu_runs_without_a_card(benchmark_of, tmp_path):
    gpu, file = benchmark_of("gpu"), tmp_path / "gpu.json"
    gpu.main(device="cpu", quick=True, json=file)
    found = json.loads(file.read_text())
    assert found["agreement"]["apart"] == []
    assert all(0 < of["share of peak"] < 1 for of in found["speed"]["passes"].values())
    assert found["training"]["radial"]["epochs"] == 2


def test_plan_compares_what_was_predicted_with_what_was_measured(benchmark_of, monkeypatch, tmp_path):
    plan, file = benchmark_of("plan"), tmp_path / "plan.json"
    monkeypatch.setattr("robustdial.run.calibrated._TRIED", 0.0)
    monkeypatch.setitem(plan.NETWORKS, "small", ("cnn", 4))
    here = {
        "predicted": plan.predicted,
        "measured": lambda s, network, _: plan.measured(s, network, str(tmp_path / "run")),
    }
    monkeypatch.setattr(plan, "worker", lambda settings, what, *pair: here[what](settings, *pair))
    plan.main(plan.Settings(images=16, batch=8, epochs=1, rounds=1, networks=("small",), processes=(1,), out=file))
    (row,) = json.loads(file.read_text())["results"]["rows"]
    assert row["ratios"] == [row["predicted"] / row["measured"]] == [row["ratio"]]
