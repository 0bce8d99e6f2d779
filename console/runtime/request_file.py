"""Reading a trade request that a person has in a file."""

import sys
from pathlib import Path
from typing import Any

from console.errors import CommandError, ExitCode
from models import strict_json


def read_request(file: str) -> Any:
    """The JSON value in a file, or on standard input where it is `-`. Raises CommandError."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        # Numbers stay text, because a float would round money.
        return strict_json.loads(text, parse_float=str)
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}", ExitCode.USAGE) from error
    except ValueError as error:
        raise CommandError(f"{file} is not JSON: {error}", ExitCode.USAGE) from error
