"""A style-based generator with disentangled levels, its training, and its folder.

robustdial generator --data mnist --out runs/g

threat = Latent(open_generator("runs/g"), {"fine": 0.5, "noise": 1.0})

May import `data` and what is below it. In: images and labels. Out: a folder with a generator and its encoder, which the
threat `Latent` takes.
"""

from robustdial.generator.folder import (
    GeneratorRun,
    Stored,
    Workshop,
    open_generator,
    pack_generator,
    resume_generator,
    start_generator,
    stored,
    unpack_generator,
)
from robustdial.generator.network import LEVELS, NOISE, Critic, StyleGenerator
from robustdial.generator.picture import samples, sheet
from robustdial.generator.training import (
    GeneratorState,
    GeneratorStep,
    energy_score,
    fit_generator,
    generator_steps,
    play,
)

__all__ = [
    "LEVELS",
    "NOISE",
    "Critic",
    "GeneratorRun",
    "GeneratorState",
    "GeneratorStep",
    "Stored",
    "StyleGenerator",
    "Workshop",
    "energy_score",
    "fit_generator",
    "generator_steps",
    "open_generator",
    "pack_generator",
    "play",
    "resume_generator",
    "samples",
    "sheet",
    "start_generator",
    "stored",
    "unpack_generator",
]
