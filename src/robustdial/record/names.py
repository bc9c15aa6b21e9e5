"""What the files of a run folder are called."""

from __future__ import annotations

RUN, EPOCHS, FRONTIER, SCORE = "run.json", "epochs.jsonl", "frontier.json", "score.json"
LAST, BEST, PICTURES, REPORT = "last.safetensors", "best.safetensors", "pictures.safetensors", "report.html"
COMPARE, ALSO, CHOOSE, CROSS = "compare.json", "also.json", "choose.json", "cross.json"
ROUNDS = "cross-rounds.safetensors"
GENERATOR, WEIGHTS, SAMPLES = "generator.json", "average.safetensors", "samples.png"
PSEUDO = "pseudo.safetensors"
HEALTHY, TROUBLES = "healthy.safetensors", "troubles.jsonl"
STANDING, EXTREMES = "standing", "extremes-{}.safetensors"
CARD, CONFIG = "card.json", "config.json"
GIVEN = "given"
"""In place of best or last, of a network that came as it was: what chose it is not known."""
DESCRIBED = "described"
"""The tensor that says which dial weights are for; it is no weight."""
AGAIN = "Delete it, and give the command again that made it."
NEVER = "It cannot be made again: put a copy of it back, or train into a new folder."
