"""What the page asks of a run."""

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from robustdial.app import static, write_static
from robustdial.app.demonstration import Picture
from robustdial.data import load, unit
from robustdial.dial import Dials
from robustdial.study.tradeoff import Targets, widths_of


def test_the_answer_is_the_networks(demo):
    sample = demo.samples[0]
    expected = demo.experiment.at(0.25)(sample.x).softmax(1)[0]
    torch.testing.assert_close(torch.tensor(demo.answer(sample.x, 0.25, 1.0)), expected, atol=1e-5, rtol=0)


def test_samples_are_of_different_classes(demo):
    assert len({sample.label for sample in demo.samples}) == 10


@pytest.mark.parametrize("eps", [0.0, 0.05, 0.2, 0.4])
def test_the_attack_stays_within_the_radius_of_the_slider(demo, eps):
    sample = demo.samples[1]
    change = (demo.attacked(sample, 0.5, 1.0, eps) - sample.x).abs().max()
    assert change <= eps + 1e-6 and (change > 0) == (eps > 0)


def test_an_image_without_a_label_is_moved_away_from_the_networks_own_answer(demo):
    x = demo.samples[2].x
    before = demo.answer(x, 0.0, 1.0)
    after = demo.answer(demo.attacked(Picture(x, None), 0.0, 1.0, 0.2), 0.0, 1.0)
    own = before.index(max(before))
    assert after[own] < before[own]


def test_many_visitors_get_the_answers_of_their_own_lambda(demo):
    x, lams = demo.samples[0].x, [0.0, 0.3, 0.5, 0.9, 1.0] * 6
    alone = {lam: demo.answer(x, lam, 1.0) for lam in lams}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda lam: demo.answer(x, lam, 1.0), lams))
    assert together == [alone[lam] for lam in lams]


def test_an_image_of_a_visitors_becomes_what_the_network_takes(demo):
    image = Image.new("RGB", (300, 200), (255, 0, 0))
    assert demo.read(image).x.shape == (1, 1, 8, 8)
    assert 0.2 < demo.read(image).x.mean() < 0.4


def test_an_image_file_is_read_as_the_runs_own_images_are(demo, tmp_path):
    """Upright, over white where it is transparent, fitted as in training."""
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.png", exif=exif)
    for name in "ab":
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(10):
            image.save(tmp_path / "data" / name / f"{i}.png", exif=exif)
    theirs = load(f"folder:{tmp_path / 'data'}", size=8, val=0).train
    x, _ = next(theirs.batches([torch.arange(1)]))
    assert torch.equal(demo.open(str(tmp_path / "x.png")).x, unit(x)[:, :1])


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\nbroken", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_a_file_that_is_no_image_is_refused_without_its_path(demo, tmp_path, content):
    file = tmp_path / "x.png"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="Send a PNG or a JPEG") as error:
        demo.open(str(file))
    assert str(tmp_path) not in str(error.value)


def test_choose_is_the_commands_choice(demo):
    answer = demo.choose(Targets(clean_min=0.05), "pgd-2", 40)
    assert answer["met"]
    assert answer["val"]["clean"] >= 0.05
    out_of_reach = demo.choose(Targets(clean_min=0.999, robust_min=0.999), "pgd-2", 40)
    assert not out_of_reach["met"]


def test_the_page_without_a_server_holds_a_network_for_each_position(demo, tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(static, "runtime", lambda folder: folder.mkdir())
    write_static(demo, tmp_path / "page")
    facts = json.loads((tmp_path / "page" / "facts.json").read_text())
    assert [p["lam"] for p in facts["positions"]] == [0.0, 0.5, 1.0]
    assert all(p["attack"] == "pgd-2" for p in facts["positions"])
    assert len(facts["images"][0]["attacked"]) == 3
    x = demo.samples[0].x
    for number, point in enumerate(facts["positions"]):
        session = onnxruntime.InferenceSession(tmp_path / "page" / "networks" / f"{number}.onnx")
        (logits,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        expected = torch.tensor(demo.answer(x, point["lam"], 1.0))
        torch.testing.assert_close(torch.tensor(logits).softmax(1)[0], expected, atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="empty"):
        write_static(demo, tmp_path / "page")


def test_the_adversaries_of_the_page_without_a_server_are_those_of_the_full_width():
    asked, dial = [], Dials((0.0, 0.5, 1.0), widths=(0.5, 1.0))
    sample = Picture(torch.rand(1, 1, 8, 8), 0)
    demo = SimpleNamespace(samples=[sample], lambdas=dial.lambdas, widths=widths_of(dial))
    demo.attacked = lambda sample, lam, width, eps: asked.append((lam, width, eps)) or sample.x
    static._image(demo, 0)
    assert asked == [(lam, 1.0, None) for lam in dial.lambdas]


def test_without_npm_the_page_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(static.shutil, "which", lambda _: None)
    with pytest.raises(ValueError, match=r"Install Node\.js"):
        static.runtime(tmp_path / "ort")


def test_what_was_measured_of_earlier_weights_is_not_shown(demo, monkeypatch):
    assert len(demo.points) > 2
    monkeypatch.setattr(demo, "_weights", "others")
    assert demo.points == []
