"""The model of cost against closed forms."""

import pytest

from robustdial.plan.arithmetic import (
    Memory,
    Network,
    Work,
    batch_seconds,
    between,
    least_seconds,
    memory,
    parts_that_fit,
    rate,
    seconds_on,
    wire_bytes,
)
from robustdial.plan.devices import DEVICES, Device, parse

TOY = Device("toy", bfloat16=400.0, float32=100.0, memory=1000.0, bandwidth=10.0, link=5.0, source="", start=0.5)
WORK = Work(macs=200.0, kept=4.0, starts=6.0, spent=8.0, updates=2.0, seconds=3.0)


@pytest.mark.parametrize(("processes", "share"), [(1, 0), (2, 1), (4, 3 / 2), (8, 7 / 4)])
def test_a_ring_sends_each_gradient_nearly_twice(processes, share):
    assert wire_bytes(1000, processes) == share * 1000 * 4


def test_memory_is_weights_gradients_optimizer_and_what_is_kept():
    network = Network(weights=100, buffers=10, slots=2.0, copies=1)
    assert memory(network, kept_per_image=50.0, images=3) == Memory(4 * 2 * 110, 4 * 100, 4 * 200, 150.0)
    assert memory(network, 50.0, 3).total == 880 + 400 + 800 + 150


def test_a_batch_is_divided_until_it_fits():
    network = Network(weights=10, slots=1.0)  # 120 bytes
    assert parts_that_fit(network, 10.0, 12, 240.0) == 1
    assert parts_that_fit(network, 10.0, 12, 239.0) == 2
    assert parts_that_fit(network, 10.0, 12, 130.0) == 12
    assert parts_that_fit(network, 10.0, 12, 129.0) is None


def test_the_roofline_is_the_slower_of_computing_and_of_touching_memory():
    assert least_seconds(WORK, TOY, lower=False) == max(2 * 200 / 100, 5 * 4 / 10) == 4.0
    assert least_seconds(WORK, TOY, lower=True) == max(2 * 200 / 400, 5 * 4 / 10) == 2.0
    assert least_seconds(WORK, TOY, lower=True, bytes_scale=0.25) == 1.0


def test_a_device_reaches_a_share_of_its_roofline_unless_its_kernels_cannot_be_started_as_fast():
    assert seconds_on(WORK, TOY, False, share=0.5) == 8.0
    assert seconds_on(WORK, TOY, False, share=1.0) == 4.0
    assert seconds_on(WORK._replace(starts=20.0), TOY, False, share=1.0) == 10.0


def test_work_lies_on_a_line_in_passes_and_is_proportional_in_images():
    high = Work(*(3 * value for value in WORK))
    assert between((1, WORK), (5, high), 3) == Work(*(2 * value for value in WORK))
    assert between((4, WORK), (4, WORK), 4) == WORK
    assert WORK.scaled(2.5) == Work(500.0, 10.0, 6.0, 20.0, 2.0, 7.5)


def test_gradients_travel_after_every_update_and_parts_follow_each_other():
    assert batch_seconds(part=3.0, parts=4, updates=2.0, wire=10.0, link=5.0) == 3 * 4 + 2 * 10 / 5


def test_a_device_without_bfloat16_computes_in_float32():
    assert rate(TOY, lower=True) == 400.0
    assert rate(DEVICES["V100"], lower=True) == DEVICES["V100"].float32


def test_every_device_names_its_source_and_is_found_by_its_name():
    for name, device in DEVICES.items():
        assert device.source.startswith("https://")
        assert parse(f"4x{name}") == (4, name)


@pytest.mark.parametrize("text", ["8xH300", "H200x8", "0xH200", "", "x", "-1xH200"])
def test_an_unknown_device_is_refused_with_those_known(text):
    with pytest.raises(ValueError, match=r"is not known. Write 8xH200, or another number of here, .*H200, H100"):
        parse(text)
