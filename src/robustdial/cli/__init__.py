"""From words to a command: flags from function signatures, a console for readers, one file per command.

May import every other room; nothing imports it. In: the words of a command line. Out: an exit code (0, 2 with
one line on bad input, 130 when interrupted), text for a reader or JSON for a program.
"""
