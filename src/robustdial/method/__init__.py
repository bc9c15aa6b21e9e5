"""What a method is: five nouns, and the game that they play.

    threat/     where the adversary may move
    solver/     how it moves
    schedule/   how many passes it may spend this epoch
    objective/  what each side wants
    game.py     one batch as both sides see it
    learner.py  where the weights stand while they learn
    method.py   the five nouns together; the fifth is the dial of the model

May import `dial`, `data`, `generator` and the ground. In: images, labels, a model. Out: points to learn from.
"""

from robustdial.method.method import Method, describe

__all__ = ["Method", "describe"]
