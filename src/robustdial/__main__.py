"""`python -m robustdial`: the command line."""

from robustdial.cli import main

main()
