"""What is asked of trained runs: the trade-off of one, an evaluation of any network, several methods side by side.

May import `run` and what is below it. In: a run folder, or a network from elsewhere. Out: files in that folder, written
as soon as something is known, so that every study can be stopped and continued.
"""
