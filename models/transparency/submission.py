"""What the log gives to its witness and the witness to the log: files in two directories.

The log writes into its own directory and reads the witness', and the witness the other way round.
Each part replaces a file as a whole, so that a reader never sees half of it. Keys are in `private`,
and what the other side reads is in `public`, which containers mount apart.
"""

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.private_files import write_private
from models.transparency.offline_verifier import Note, ProofError

AUDIT_LOG, AUDIT_WITNESS = "audit-log", "audit-witness"
"""The names of the two directories in a home."""
HASH_BYTES = 32
_MOST_BYTES = 1 << 26


@dataclass(frozen=True)
class Directory:
    """The files of one side."""

    path: Path

    @property
    def public(self) -> Path:
        """What the other side reads."""
        return self.path / "public"

    def secret(self) -> str:
        """The secret of this side's key; it is drawn once and then stays. Raises OSError."""
        private = self.path / "private"
        for directory in (self.path, private, self.public):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = private / "key"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return file.read_text(encoding="ascii").strip()


@dataclass(frozen=True)
class LogDirectory(Directory):
    """The log's files."""

    @property
    def key(self) -> Path:
        """The log's public key."""
        return self.public / "log.vkey"

    @property
    def submission(self) -> Path:
        """The newest checkpoint, with what proves it to the witness."""
        return self.public / "submission.json"


@dataclass(frozen=True)
class WitnessDirectory(Directory):
    """The witness' files."""

    @property
    def key(self) -> Path:
        """The witness' public key."""
        return self.public / "witness.vkey"

    @property
    def log_key(self) -> Path:
        """The public key of the log that it witnesses. The first one counts for ever."""
        return self.public / "log.vkey"

    @property
    def cosigned(self) -> Path:
        """The newest checkpoint that it has signed."""
        return self.public / "cosigned"

    @property
    def leaves(self) -> Path:
        """The hashes of all leaves that it has seen, 32 bytes each."""
        return self.public / "leaves"

    @property
    def refused(self) -> Path:
        """Why it has refused to sign. A person takes the file away."""
        return self.public / "refused.json"

    def seen(self, count: int) -> tuple[bytes, ...]:
        """The hashes of the first `count` leaves, as far as they are there. Raises OSError, and
        ProofError for half a hash."""
        try:
            with self.leaves.open("rb") as file:
                whole = file.read(count * HASH_BYTES)
        except FileNotFoundError:
            return ()
        try:
            return _split(whole)
        except ValueError as error:
            raise ProofError(f"{self.leaves} ends with {error}") from None


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint with the proof that it follows another, and the leaves between the two."""

    begins: int
    checkpoint: str
    proof: tuple[bytes, ...]
    leaves: tuple[bytes, ...]

    def to_text(self) -> str:
        """The file's text."""
        return json.dumps(
            {
                "begins": self.begins,
                "checkpoint": self.checkpoint,
                "proof": base64.b64encode(b"".join(self.proof)).decode(),
                "leaves": base64.b64encode(b"".join(self.leaves)).decode(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` wrote. Raises ProofError."""
        try:
            found = json.loads(text)
            begins, checkpoint = found["begins"], found["checkpoint"]
            proof, leaves = (_hashes(found[name]) for name in ("proof", "leaves"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ProofError(f"the submission can't be read: {type(error).__name__}") from None
        if type(begins) is not int or not isinstance(checkpoint, str):
            raise ProofError("the submission has another form")
        return cls(begins, checkpoint, proof, leaves)


def _hashes(encoded: str) -> tuple[bytes, ...]:
    return _split(base64.b64decode(encoded, validate=True))


def _split(whole: bytes) -> tuple[bytes, ...]:
    if len(whole) % HASH_BYTES:
        raise ValueError("half a hash")
    return tuple(whole[n : n + HASH_BYTES] for n in range(0, len(whole), HASH_BYTES))


def read(path: Path) -> str | None:
    """The text of a file; None when there is none. Raises ProofError for a file that can't be
    ours."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ProofError(f"{path} is too large")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ProofError(f"{path} is no text") from None


def read_note(path: Path) -> Note | None:
    """The note in a file; None when there is none. Raises ProofError."""
    found = read(path)
    return None if found is None else Note.parse(found)
