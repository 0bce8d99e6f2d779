"""The type of a function that runs a command of the program in the tests' process."""

from collections.abc import Callable
from typing import Any

Mlrisk = Callable[..., tuple[int, Any]]
"""Takes the arguments; returns the exit status, and the JSON or the text that was printed."""
