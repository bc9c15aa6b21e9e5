"""An evaluation in its folder: killed and continued, shared, told apart from others."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from robustdial import record
from robustdial.attack import APGD, Cascade, PGDAttack, Square, autoattack, shortened
from robustdial.data import from_tensors
from robustdial.method.threat import L1, L2, Linf, Union
from robustdial.study.evaluation import (
    EXTRAS,
    Evaluation,
    foreign,
    forget_another,
    found_by,
    gap_of,
    known_score,
    parts_of,
    sampled,
    score_of,
    score_of_union,
    take_extremes,
    write_score,
)
from robustdial.study.evaluation.budget_gap import SAMPLE

N = 40


@pytest.fixture
def subject(tmp_path):
    """Four classes, one for each quadrant of the image that may be brightest; a linear network that sees it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(N, 1, 2, 2, generator=generator)
    y = x.flatten(1).argmax(1)
    data = from_tensors((x, y), (x, y))
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4, bias=False))
    nn.init.eye_(net[1].weight)
    return foreign(net, "quadrants", data, data.test, Linf(0.05), tmp_path)


ATTACK = Cascade((PGDAttack(1), APGD(steps=5)), "two")


def finished(evaluation):
    for _ in evaluation.run():
        pass
    return evaluation.whole()


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_stopped_evaluation_goes_on_where_it_was(subject, stop):
    undisturbed = finished(Evaluation(replace(subject, folder=subject.folder / "other"), ATTACK, batch=8))
    going = Evaluation(subject, ATTACK, batch=8).run()
    for _ in range(stop):
        next(going)
    going.close()  # as an interruption does
    again = Evaluation(subject, ATTACK, batch=8)
    assert int((again.known().next > 0).sum()) == min(N, 8 * stop)
    survivors = finished(again)
    assert torch.equal(survivors.broken_by, undisturbed.broken_by)
    assert torch.equal(survivors.lead, undisturbed.lead)


def test_the_last_shard_to_finish_makes_the_whole(subject):
    one, two = (Evaluation(subject, ATTACK, shard=(k, 2)) for k in range(2))
    assert finished(two) is None
    survivors = finished(one)
    assert len(survivors.broken_by) == N
    assert survivors.after(0).all()
    assert 0 < survivors.accuracy().correct < N


def test_other_conditions_have_another_file(subject):
    base = Evaluation(subject, ATTACK)
    others = [
        Evaluation(subject, ATTACK, seed=1),
        Evaluation(subject, ATTACK, batch=7),
        Evaluation(subject, ATTACK, search="bfloat16"),
        Evaluation(subject, Cascade((PGDAttack(2), APGD(steps=5)), "two")),
        Evaluation(replace(subject, threat=Linf(0.06)), ATTACK),
        Evaluation(replace(subject, source=subject.source.subset(torch.arange(20))), ATTACK),
        Evaluation(replace(subject, about={**subject.about, "weights": "others"}), ATTACK),
    ]
    assert len({base.key, *(other.key for other in others)}) == 8
    assert base.key == Evaluation(subject, ATTACK).key


def test_the_score_speaks_robustbench(subject):
    evaluation = Evaluation(subject, shortened(autoattack(), 0.02))
    score = score_of(evaluation, finished(evaluation))
    json.dumps(score)
    assert score["clean_acc"] == "100.00"
    assert score["eps"] == "0.05"
    assert score["threat_model"] == "Linf"
    assert "autoattack_acc" not in score
    assert score["standing"][0]["attack"] == "clean"
    assert sum(row["n"] for row in score["per_class"]) == N
    assert score["robust"] == pytest.approx(sum(row["robust"] * row["n"] for row in score["per_class"]) / N)


def test_only_the_whole_autoattack_is_called_so(subject):
    subject = replace(subject, source=subject.source.subset(torch.tensor([0])), threat=Linf(0.5))  # falls at once
    evaluation = Evaluation(subject, autoattack())
    assert score_of(evaluation, finished(evaluation))["autoattack_acc"] == "0.00"
    evaluation = replace(evaluation, search="bfloat16")  # the standard one searches in float32
    score = score_of(evaluation, finished(evaluation))
    assert "autoattack_acc" not in score and (score["robust"], score["search"]) == (0.0, "bfloat16")


@pytest.mark.rounding
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler
def test_compiled_and_searched_in_bfloat16_the_verdicts_are_those_of_float32(subject, monkeypatch):
    graphs, compile, found = [], torch.compile, []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", lambda call, **how: compile(call, backend=backend, **how))
    attack = Cascade((APGD(steps=5), Square(queries=20)), "two")
    for search, compiled in (("float32", False), ("bfloat16", True)):
        here = replace(subject, folder=subject.folder / search)
        found.append(finished(Evaluation(here, attack, batch=16, search=search, compiled=compiled)))
    assert torch.equal(found[0].broken_by, found[1].broken_by)
    assert 0 < found[0].accuracy().correct < N
    assert 2 <= len(graphs) <= 6  # either format, with gradient and without, and for a single image alone


def test_an_evaluation_stands_once_in_the_file(subject):
    for seed in (0, 0, 1):
        evaluation = Evaluation(subject, ATTACK, seed=seed)
        write_score(evaluation, score_of(evaluation, finished(evaluation)))
    scores = record.read_json(subject.folder / record.SCORE)["scores"]
    assert [score["seed"] for score in scores] == [0, 1]


def test_the_gap_is_what_the_full_attack_breaks_of_what_stands(subject):
    weak, strong = PGDAttack(1, step=0.01, noise=0.0), APGD(steps=20)
    survivors = finished(weakly := Evaluation(subject, weak))
    sample = sampled(weakly, survivors, strong)
    assert len(sample.subject.source) == SAMPLE < survivors.accuracy().correct == N
    gap, kept = gap_of(survivors, finished(sample), strong), finished(sample).accuracy()
    assert 0 < gap["broken"] == SAMPLE - kept.correct
    assert gap["interval"][0] < gap["robust"] == kept.value < gap["interval"][1]


def test_where_nothing_stands_nothing_was_missed(subject):
    evaluation = Evaluation(replace(subject, threat=Linf(0.9)), APGD(steps=20))
    assert sampled(evaluation, finished(evaluation), APGD()) is None


def test_the_extremes_are_the_extremes(subject):
    evaluation = Evaluation(subject, ATTACK)
    survivors = finished(evaluation)
    take_extremes(evaluation, survivors)
    (file,) = subject.folder.glob("extremes-*.safetensors")
    tensors, _ = record.read_tensors(file)
    fell, stands = survivors.broken_by > 0, survivors.broken_by == -1
    assert tensors["easy/lead"][0] == survivors.lead[fell].min()
    assert tensors["hard/lead"][0] == survivors.lead[stands].max()
    assert (tensors["hard/pred_adv"] == tensors["hard/labels"]).all()
    assert (tensors["easy/pred_clean"] == tensors["easy/labels"]).all()
    assert tensors["easy/adv"].dtype == torch.uint8


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, N + 1)])
def test_a_shard_that_is_none_is_refused(subject, shard):
    with pytest.raises(ValueError, match="--shard"):
        Evaluation(subject, ATTACK, shard=shard)


def test_another_network_under_the_same_name_begins_anew_with_its_own_origin(subject):
    first = Evaluation(subject, ATTACK)
    write_score(first, score_of(first, finished(first)) | {"warps": [], "gap": None})
    forget_another(first)
    assert known_score(first)["warps"] == []
    for classes in (4, 5):  # other answers, or more of them
        net = nn.Sequential(nn.Flatten(), nn.Linear(4, classes)).eval()
        again = Evaluation(replace(subject, f=net), ATTACK)
        assert again.key == first.key
        assert again.known() is None
        assert again.origin["created"] >= first.origin["created"]
    forget_another(again)
    finished(again)
    write_score(again, score_of(again, again.whole()))
    assert not {"warps", "gap"} & known_score(again).keys()


UNION = Union((Linf(0.05), L2(0.06), L1(0.1)))


def scored(subject, **changes):
    whole = Evaluation(replace(subject, threat=UNION), ATTACK, batch=8, **changes)
    parts = parts_of(whole)
    return score_of_union(parts, [finished(part) for part in parts], whole)


def test_the_score_has_every_norm_the_average_and_the_union(subject):
    score = scored(subject)
    alone = [finished(Evaluation(replace(subject, threat=ball), ATTACK, batch=8)) for ball in UNION.balls]
    assert [row["threat"] for row in score["norms"]] == ["Linf 0.05", "L2 0.06", "L1 0.1"]
    assert [row["robust"] for row in score["norms"]] == [one.accuracy().value for one in alone]
    assert score["average"] == pytest.approx(sum(one.accuracy().value for one in alone) / 3)
    stands = torch.stack([one.broken_by == -1 for one in alone]).all(0)
    assert score["robust"] == int(stands.sum()) / N
    assert [row["attack"] for row in score["standing"]] == ["clean", "Linf 0.05", "L2 0.06", "L1 0.1"]
    assert score["standing"][-1]["standing"] == int(stands.sum())
    assert score["threat_model"] == UNION.name
    write_score(Evaluation(replace(subject, threat=UNION), ATTACK, batch=8), score)
    assert record.read_json(subject.folder / record.SCORE)["scores"] == [score]


@pytest.mark.parametrize("edited", [Linf(0.05), L2(0.06), L1(0.1)])
def test_a_union_goes_with_the_first_norm_of_another_network(subject, edited):
    whole = Evaluation(replace(subject, threat=UNION), ATTACK, batch=8)
    write_score(whole, scored(subject))
    part = Evaluation(replace(subject, threat=edited), ATTACK, batch=8)
    forget_another(part)
    assert known_score(whole)["norms"]
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 4)).eval()
    forget_another(replace(part, subject=replace(part.subject, f=net)))
    assert known_score(whole) == {}


@pytest.mark.parametrize("stop", [2, 6, 11])
def test_stopped_in_any_norm_it_goes_on_where_it_was(subject, stop):
    undisturbed = scored(replace(subject, folder=subject.folder / "other"))
    steps = (
        step for part in parts_of(Evaluation(replace(subject, threat=UNION), ATTACK, batch=8)) for step in part.run()
    )
    for _ in range(stop):
        next(steps)
    steps.close()  # as an interruption does
    again = scored(subject)
    assert again["norms"] == undisturbed["norms"]
    assert again["robust"] == undisturbed["robust"]


def test_shards_make_the_whole_when_the_last_of_every_norm_is_done(subject):
    first, second = (
        parts_of(Evaluation(replace(subject, threat=UNION), ATTACK, batch=8, shard=(k, 2))) for k in range(2)
    )
    for part in (*first, *second[:-1]):
        finished(part)
    assert found_by(first) is None
    finished(second[-1])
    found = found_by(first)
    assert [len(one.broken_by) for one in found] == [N] * 3
    together = score_of_union(first, found, Evaluation(replace(subject, threat=UNION), ATTACK, batch=8, shard=(0, 2)))
    assert together["n"] == N


def test_a_norm_that_was_measured_alone_is_known(subject):
    alone = Evaluation(replace(subject, threat=Linf(0.05)), ATTACK, batch=8)
    finished(alone)
    part = parts_of(Evaluation(replace(subject, threat=UNION), ATTACK, batch=8))[0]
    assert part.key == alone.key
    assert part.known().finished


def test_autoattack_is_not_claimed_for_a_union(subject):
    subject = replace(subject, source=subject.source.subset(torch.tensor([0])))
    whole = Evaluation(replace(subject, threat=Union((Linf(0.5), L2(0.9)))), autoattack())  # falls at once
    parts = parts_of(whole)
    found = [finished(part) for part in parts]
    assert "autoattack_acc" not in score_of_union(parts, found, whole)
    assert "autoattack_acc" in score_of(parts[0], found[0])


def test_a_curve_names_the_attack_it_was_drawn_under(subject):
    curve = EXTRAS["curve"](subject)
    rows = list(curve.rows(0, N))
    assert {row["attack"] for row in rows} == {"apgd-ce+cw-50"}
    assert list(curve.columns(rows))[3] == "at 0.05, apgd-ce+cw-50"


def test_kinds_published_for_validation_stand_in_no_mean(subject):
    right = {"fog": (9, 7), "snow": (6, 4), "speckle_noise": (10, 10), "gaussian_blur": (10, 10), "saturate": (10, 10)}
    rows = [
        {"kind": kind, "level": level, "accuracy": share / 10, "n": 10}
        for kind, shares in right.items()
        for level, share in enumerate(shares, start=1)
    ]
    assert EXTRAS["corruptions"](subject).columns(rows) == {"mean corruption accuracy": pytest.approx(0.65)}
