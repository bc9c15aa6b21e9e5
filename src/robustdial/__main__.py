"""`python -m robustdial`: the command line."""

from robustdial.cli.main import main

main()
