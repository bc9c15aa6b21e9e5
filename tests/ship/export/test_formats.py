"""A file holds the network that was baked, and can be opened with the lines that are printed for it."""

import pytest
import torch
from torch import nn

from robustdial.dial import Dials, dial
from robustdial.models import build
from robustdial.ship.export import FORMATS, Facts, compare, speedup, write_checked

SHAPE, LAM = (3, 32, 32), 0.3
NETS = {"cnn": 4, "resnet18": 4, "preact_resnet18": 4, "timm:resnet10t": None}


def dialed(name):
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    plain = build(name, classes=10, shape=SHAPE, mean=[0.4] * 3, std=[0.2] * 3, width=NETS[name])
    net = dial(plain, Dials(lambdas=(0, 0.5, 1)))
    with torch.no_grad():
        for value in net.state_dict().values():  # a dial that has been trained, not one at its start
            value.add_(0.05 * torch.rand(value.shape) if value.is_floating_point() else 1)
    return net.eval()


def facts(name):
    classes = tuple("abcdefghij")
    return Facts(name, NETS[name], classes, SHAPE, (0.4,) * 3, (0.2,) * 3, LAM, 1.0)


def extra(format):
    if format.startswith("onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    return FORMATS[format]


@pytest.fixture
def files(tmp_path):
    def write(format, name):
        net, form = dialed(name), extra(format)
        path, images, x = tmp_path / form.file, torch.rand(4, *SHAPE), torch.rand(9, *SHAPE)
        parity = write_checked(form, net.bake(LAM), facts(name), path, images, net.at(LAM), x)
        return net, form, path, parity

    return write


CASES = [("safetensors", name) for name in NETS] + [("pt2", "cnn"), ("onnx", "resnet18")]


@pytest.mark.parametrize(("format", "name"), CASES)
def test_the_printed_lines_open_what_equals_the_dialed_network(files, format, name, monkeypatch):
    net, form, path, parity = files(format, name)
    assert parity.share < 1e-5
    assert parity.agree == parity.n == 9
    monkeypatch.chdir(path.parent)
    scope = {"images": torch.rand(5, *SHAPE)}
    exec(form.lines(path.name, facts(name)), scope)
    torch.testing.assert_close(torch.as_tensor(scope["logits"]), net.at(LAM)(scope["images"]), rtol=1e-4, atol=1e-4)


def test_the_lines_of_programs_and_graphs_do_not_need_this_library():
    for format in ("pt2", "onnx"):
        assert "robustdial" not in FORMATS[format].lines("file", facts("cnn"))
    assert "robustdial" not in FORMATS["safetensors"].lines("file", facts("timm:resnet10t"))


def test_eight_bits_are_a_smaller_network_with_nearly_the_same_logits(files):
    net, form, path, parity = files("onnx-int8", "cnn")
    onnx = pytest.importorskip("onnx")
    assert form.tolerance is None
    assert 0 < parity.share < 0.1
    kinds = {weights.data_type for weights in onnx.load(path).graph.initializer if len(weights.dims) == 4}
    assert onnx.TensorProto.INT8 in kinds
    assert speedup(form.open(path), net.bake(LAM), torch.rand(8, *SHAPE), rounds=1) > 0


def test_a_batch_norm_that_folds_into_nothing_stays_float32(files, caplog):
    onnx = pytest.importorskip("onnx")
    _, _, path, _ = files("onnx-int8", "preact_resnet18")
    graph = onnx.load(path).graph
    norms = {weights for node in graph.node if node.op_type == "BatchNormalization" for weights in node.input[1:]}
    floats = {weights.name for weights in graph.initializer if weights.data_type == onnx.TensorProto.FLOAT}
    assert norms
    assert norms <= floats
    assert not [line for line in caplog.records if line.name == "root"]


def test_gradients_flow_through_a_program(files):
    _, form, path, _ = files("pt2", "cnn")
    x = torch.rand(2, *SHAPE, requires_grad=True)
    form.open(path)(x).sum().backward()
    assert x.grad.abs().sum() > 0


class Other:
    """A format that writes something else than it is given."""

    file, tolerance = "model.other", 1e-4

    def write(self, plain, images, facts, path):
        path.write_text("other")

    def open(self, path):
        return lambda x: torch.zeros(len(x), 10)


@pytest.mark.parametrize("answer", [1.0, float("nan")])
def test_a_file_that_computes_something_else_is_refused_and_the_old_one_stays(tmp_path, answer):
    path = tmp_path / "model.other"
    path.write_text("old")
    x = torch.rand(2, *SHAPE)
    with pytest.raises(ValueError, match=r"model\.other was refused"):
        write_checked(Other(), nn.Identity(), facts("cnn"), path, x, lambda x: torch.full((len(x), 10), answer), x)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"model.other": "old"}


def test_batches_of_one_and_more_are_compared():
    sizes = []
    compare(lambda x: sizes.append(len(x)) or x, lambda x: x, torch.rand(20, 3))
    assert sizes == [1, 7, 12]


def test_weights_without_a_name_that_builds_their_network_are_refused(tmp_path):
    net, other = dialed("cnn").bake(LAM), facts("resnet18")
    with pytest.raises(ValueError, match="Choose --format pt2"):
        FORMATS["safetensors"].write(net, torch.rand(1, *SHAPE), other, tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(ValueError, match=r"pip install 'robustdial\[export\]'"):
        FORMATS["onnx"].write(dialed("cnn").bake(LAM), torch.rand(1, *SHAPE), facts("cnn"), tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_opening_weights_leaves_the_random_numbers_alone(files):
    _, form, path, _ = files("safetensors", "cnn")
    before = torch.get_rng_state()
    form.open(path)
    assert torch.equal(before, torch.get_rng_state())


class Draws(nn.Linear):
    def forward(self, x):
        logits = super().forward(x.flatten(1))
        return logits + torch.rand_like(logits)


class Centres(nn.Linear):
    def forward(self, x):
        return super().forward((x - x.mean(0, keepdim=True)).flatten(1))


class Moves(nn.Linear):
    """Another network at every call that is not exported."""

    def forward(self, x):
        return super().forward(x.flatten(1)) + (0 if torch.compiler.is_exporting() else 1)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Draws, "answers the same images differently each time"),
        (Centres, "answers an image differently where others stand beside it"),
        (Moves, "its logits differ from those of the dialed network"),
    ],
)
def test_a_file_that_cannot_be_compared_says_why(network, words, tmp_path):
    form, net, x = FORMATS["pt2"], network(27, 2).eval(), torch.rand(9, 3, 3, 3)
    about = Facts("net.py:build", None, ("a", "b"), (3, 3, 3), (), (), LAM, 1.0)
    with pytest.raises(ValueError, match=words):
        write_checked(form, net, about, tmp_path / form.file, x, net, x)


class Branches(nn.Linear):
    def forward(self, x):
        logits = super().forward(x.flatten(1))
        return 2 * logits if logits.mean() > 1e9 else logits


class Loops(nn.Linear):
    def forward(self, x):
        return torch.stack([super(Loops, self).forward(one.flatten()) for one in x])


class Rare(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1)) + torch.linalg.svdvals(x[:, 0]).amax(1, keepdim=True)


NOT_TAKEN = [("pt2", Branches), ("pt2", Loops), ("onnx", Rare)]


@pytest.mark.parametrize(("format", "network"), NOT_TAKEN, ids=lambda each: getattr(each, "__name__", each))
def test_a_network_that_a_format_does_not_take_is_refused_in_a_line(format, network, tmp_path):
    form, net, x = extra(format), network(27, 2).eval(), torch.rand(4, 3, 3, 3)
    about = Facts("net.py:build", None, ("a", "b"), (3, 3, 3), (), (), LAM, 1.0)
    words = rf"{network.__name__} has .*Choose another --format"
    with torch.no_grad(), pytest.raises(ValueError, match=words) as refusal:
        write_checked(form, net, about, tmp_path / form.file, x, net, x)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
