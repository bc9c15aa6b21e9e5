"""How a network leaves: one position baked to a plain network in a file, or the whole dial on the Hugging Face Hub.

May import `run`, `study` and what is below them. In: a trained run. Out: a folder of files that say what they hold,
each read back and compared before it is kept.
"""
