"""Keeps what the strategy holds in a file, so that another run of it goes on from there."""

import json
import logging
from pathlib import Path

from examples.demo_strategy.strategy import Strategy

log = logging.getLogger(__name__)


class Memory:
    """One file. Without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def recall(self, strategy: Strategy) -> None:
        """Gives the strategy what it held. It begins with nothing when there is no file of ours."""
        if self._path is None:
            return
        try:
            strategy.take_up(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s can't be read: %s", self._path, type(error).__name__)

    def keep(self, strategy: Strategy) -> None:
        """Writes what the strategy holds now, whole or not at all."""
        if self._path is None:
            return
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            draft.write_text(json.dumps(strategy.held()), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            log.warning("%s can't be written: %s", self._path, error.strerror)
