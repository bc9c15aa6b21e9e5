"""The evaluations of a network on its page: which there are, and each with all that qualifies its number.

panel.py        one evaluation, gathered for the template
overview.py     all of them, a row each
facts.py        what is said in words
checks.py       what was looked for and found
classes.py      class by class
corruptions.py  kinds of corruption by level
curve.py        accuracy against the radius
extremes.py     the images that fell most easily and stand most firmly
"""
