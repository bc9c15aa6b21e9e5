"""A card says in words what a network is worth that guesses."""

import pytest

from robustdial.ship.export.card import said


@pytest.mark.parametrize(("clean", "guesses"), [(0.1, True), (0.9, False)])
def test_a_network_at_chance_is_called_so(clean, guesses):
    point = {"lam": None, "clean": clean, "clean_interval": [clean - 0.05, clean + 0.05]}
    assert ("**At chance: guessing among 10 classes is right as often.**" in said([point], 10)) == guesses
