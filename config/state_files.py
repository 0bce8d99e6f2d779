"""Reads mlrisk's own files, which a power cut or a person may have damaged."""

import json
from pathlib import Path
from typing import Any

from config.errors import MlriskError


class DamagedFileError(MlriskError):
    """A file of mlrisk's own can't be read; the message is one line, with its path."""


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object that a file holds; None when there is no such file."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedFileError(f"{path} can't be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise DamagedFileError(f"{path} is damaged (no text)") from None
    if not text.strip("\0 \n"):
        raise DamagedFileError(f"{path} is damaged (empty)")
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedFileError(f"{path} is damaged (no JSON)") from None
    if not isinstance(stored, dict):
        raise DamagedFileError(f"{path} is damaged (no JSON object)")
    return stored
