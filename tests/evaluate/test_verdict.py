"""What numbers say in words."""

import pytest

from robustdial.evaluate import at_chance, over_images, unmoved, verdicts


def point(lam, clean, robust, n=360, width=1.0):
    def ends(share):
        about = over_images(share, n)
        return [about["low"], about["high"]]

    sides = {"clean": clean, "clean_interval": ends(clean), "robust": robust}
    return sides | {"robust_interval": None if robust is None else ends(robust), "lam": lam, "width": width}


@pytest.mark.parametrize(
    ("share", "n", "classes", "guesses"),
    [
        (0.10, 1000, 10, True),
        (0.118, 1000, 10, True),
        (0.16, 1000, 10, False),
        (0.16, 30, 10, True),
        (0.55, 100, 2, True),
        (0.05, 1000, 10, True),
        (0.5, 1000, 0, False),
    ],
)
def test_at_chance_is_what_guessing_explains(share, n, classes, guesses):
    assert at_chance(point(None, share, 0.0, n), classes) == guesses


@pytest.mark.parametrize(
    ("curve", "nothing"),
    [
        ([(0.0, 0.95, 0.40), (1.0, 0.95, 0.40)], True),
        ([(0.0, 0.95, 0.40), (1.0, 0.93, 0.44)], True),
        ([(0.0, 0.95, 0.40), (1.0, 0.95, 0.60)], False),
        ([(0.0, 0.95, 0.40), (1.0, 0.80, 0.40)], False),
        ([(0.0, 0.95, None), (1.0, 0.95, 0.40)], True),
        ([(0.5, 0.95, 0.40)], False),
    ],
)
def test_a_dial_is_not_told_apart_where_one_value_lies_in_all_intervals(curve, nothing):
    assert unmoved([point(*one) for one in curve]) == nothing


def test_places_are_named_with_their_width_where_there_are_several():
    points = [point(lam, clean, 0.1, width=width) for width in (1.0, 0.5) for lam, clean in ((0.0, 0.9), (1.0, 0.1))]
    assert verdicts(points, 10) == [
        "At chance at lambda 1, width 1; lambda 1, width 0.5: guessing among 10 classes is right as often."
    ]
    flat = [*points[:2], point(0.0, 0.9, 0.1, width=0.5), point(1.0, 0.9, 0.1, width=0.5)]
    assert verdicts(flat, 10)[1].startswith("The positions of the dial are not told apart at width 0.5: ")


def test_a_network_without_a_dial_is_judged_alone():
    assert verdicts([point(None, 0.1, 0.0)], 10) == ["At chance: guessing among 10 classes is right as often."]
    assert verdicts([point(None, 0.9, 0.0)], 10) == []
