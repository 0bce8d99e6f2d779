"""The stored volume models of live parents: in the database, or in a home's file.

A row reaches every machine. A file reaches the machines that share the directory, and serves a
system without a database.
"""

from pathlib import Path
from typing import Protocol

from bot.market.volume.store import StoredModels, UnreadableModel, load, loads
from models.database import Database
from models.repositories import volume_models


class ModelSource(Protocol):
    """Gives the newest stored models."""

    def read(self) -> StoredModels:
        """The models. Raises UnreadableModel, which says how to train one."""
        ...


class ModelFile:
    """The models of a file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stored: StoredModels | None = None
        self._version: tuple[int, int, int] | None = None

    def read(self) -> StoredModels:
        """Raises UnreadableModel, which says how to get one."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise UnreadableModel(
                f"{self._path} can't be read: run `mlrisk volume train`"
            ) from error
        version = status.st_mtime_ns, status.st_ino, status.st_size
        if self._stored is None or version != self._version:
            self._stored, self._version = load(self._path), version
        return self._stored


class ModelRows:
    """The models of the newest row, read again when there is a newer one.

    `otherwise` is asked while there is no row, because an older version stored a file.
    """

    def __init__(self, db: Database, otherwise: ModelSource) -> None:
        self._db = db
        self._otherwise = otherwise
        self._stored: tuple[int, StoredModels] | None = None

    def read(self) -> StoredModels:
        """Raises UnreadableModel, which says how to get one."""
        with self._db.reading() as session:
            newest = volume_models.newest_id(session)
            if newest is None:
                return self._otherwise.read()
            if self._stored is None or self._stored[0] != newest:
                self._stored = newest, loads(volume_models.document(session, newest))
        return self._stored[1]
