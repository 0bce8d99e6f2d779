"""`python -m console` is the `mlrisk` command."""

from console.cli import main

main()
