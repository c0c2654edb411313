"""`python -m ivr.cli`, for where the console script is not on the path."""

from ivr.cli import main

main()
