"""The witness of the audit log: it signs a checkpoint only if it follows the last one it signed.

It keeps the hash of every leaf that it has seen in a file of its own. Whoever owns the database,
and even the log's key, can then neither change, drop, insert nor reorder an entry that was
witnessed: the next checkpoint leads to another root, and the witness refuses and tells.
"""

import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.clock import Clock
from bot.risk.portfolio.kinds import AlertLevel
from config.errors import MlriskError
from config.private_files import write_private
from models.transparency.merkle import Frontier, LeafNodes, root_at
from models.transparency.notes import WitnessSigner
from models.transparency.offline_verifier import (
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
    require_consistency,
)
from models.transparency.submission import (
    HASH_BYTES,
    LogDirectory,
    Submission,
    WitnessDirectory,
    read,
    read_note,
)

log = logging.getLogger(__name__)

WITNESS_REFUSED = "the_witness_refuses_the_audit_log"
LOOK_SECONDS = 0.3
_SHOWN = 300


class Refusal(MlriskError):
    """The log contradicts what the witness has signed."""


@dataclass
class Witness:
    """The witness of one log. Raises OSError where its files can't be read or written."""

    log_files: LogDirectory
    own: WitnessDirectory
    clock: Clock
    _signer: WitnessSigner | None = None
    _frontier: Frontier = field(default_factory=Frontier)
    _seen: tuple[int, int] | None = None
    _told: str | None = None

    def look(self) -> bool:
        """Judges the newest submission; returns whether a checkpoint was signed.

        Raises ProofError when its own files are not as it left them.
        """
        signer = self._signer or self._begin()
        try:
            seen = self._stamp()
            if seen is None or seen == self._seen:
                return False
            signed = self._judge(signer)
        except Refusal as error:
            self._refuse(str(error))
            signed = False
        self._seen = seen
        return signed

    def _begin(self) -> WitnessSigner:
        """Reads its key and state. Hashes beyond its last checkpoint were written before a death,
        and are taken away."""
        signer = WitnessSigner(self.own.secret())
        if read(self.own.key) != f"{signer.key}\n":
            write_private(self.own.key, f"{signer.key}\n")
        note = read_note(self.own.cosigned)
        head = None
        if note is not None:
            note.signed_by(signer.key)
            head = Checkpoint.parse(note.text)
        size = 0 if head is None else head.size
        frontier = Frontier()
        for leaf in self.own.seen(size):
            frontier.append(leaf)
        if head is not None and (frontier.size, frontier.root()) != (head.size, head.root):
            raise ProofError(f"{self.own.leaves} is not as the witness left it")
        with self.own.leaves.open("ab") as file:
            file.truncate(size * HASH_BYTES)
        self._frontier, self._signer = frontier, signer
        return signer

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.log_files.submission.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _judge(self, signer: WitnessSigner) -> bool:
        key = self._key_of_log()
        text = read(self.log_files.submission)
        if key is None or text is None:
            return False
        try:
            given = Submission.from_text(text)
            note = Note.parse(given.checkpoint)
            note.signed_by(key)
            head = Checkpoint.parse(note.text)
            if head.origin != key.name:
                raise ProofError("the checkpoint is that of another log")
            if head.size <= self._frontier.size:
                self._require_known(head)
                return False
            if given.begins != self._frontier.size:
                return False  # written before the last signature was read; the log submits again
            grown = self._grown(given, head)
        except ProofError as error:
            raise Refusal(str(error)) from None
        self._append(given.leaves)
        write_private(self.own.cosigned, signer.cosign(given.checkpoint, self.clock.now()))
        self._frontier = grown
        return True

    def _key_of_log(self) -> VerifierKey | None:
        """The log's key. The first that it sees counts for ever."""
        found, known = read(self.log_files.key), read(self.own.log_key)
        if found is None:
            return None
        if known is None:
            write_private(self.own.log_key, found)
        elif known != found:
            raise Refusal(
                "the log has another key than it had; take the witness' directory away when you "
                "know why, and a new one begins"
            )
        return VerifierKey.parse(found)

    def _require_known(self, head: Checkpoint) -> None:
        """A checkpoint of the past must be the past's."""
        leaves = self.own.seen(self._frontier.size)
        if len(leaves) != self._frontier.size:
            raise ProofError(f"{self.own.leaves} is not as the witness left it")
        if head.size == 0 or root_at(LeafNodes(leaves), head.size) != head.root:
            raise Refusal(
                f"a checkpoint of {head.size} entries contradicts what was signed for "
                f"{self._frontier.size}"
            )

    def _grown(self, given: Submission, head: Checkpoint) -> Frontier:
        """The tree with the submitted leaves, once the proof and the leaves lead to its root."""
        if given.begins:
            roots = self._frontier.root(), head.root
            require_consistency(given.begins, head.size, *roots, given.proof)
        grown = self._frontier.copy()
        for leaf in given.leaves:
            grown.append(leaf)
        if (grown.size, grown.root()) != (head.size, head.root):
            raise Refusal("the submitted hashes lead to another root than the checkpoint's")
        return grown

    def _append(self, leaves: tuple[bytes, ...]) -> None:
        with self.own.leaves.open("r+b") as file:
            file.seek(self._frontier.size * HASH_BYTES)
            file.write(b"".join(leaves))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def _refuse(self, why: str) -> None:
        """Tells people, and leaves a file that stops what adds risk."""
        if why != self._told or not self.own.refused.exists():
            facts = {"why": why, "signed": self._frontier.size, "at": self.clock.now().isoformat()}
            write_private(self.own.refused, json.dumps(facts))
            log.critical(
                "the witness refuses the audit log: %s",
                why[:_SHOWN],
                extra={"event": WITNESS_REFUSED, "alert": AlertLevel.CRITICAL.value},
            )
        self._told = why


class WitnessThread(threading.Thread):
    """Looks several times a second, beside the watchdog's own loop, which never waits for it."""

    def __init__(self, witness: Witness, wait: Callable[[float], bool]) -> None:
        """`wait` sleeps and says whether to stop."""
        super().__init__(name="witness", daemon=True)
        self._witness, self._wait = witness, wait
        self._failed: str | None = None

    def run(self) -> None:
        """Looks until told to stop. A failure is told once, and tried again."""
        while not self._wait(LOOK_SECONDS):
            failed = None
            try:
                self._witness.look()
            except (OSError, ProofError) as error:
                failed = str(error)
            if failed is not None and failed != self._failed:
                log.critical(
                    "the witness can't work: %s",
                    failed[:_SHOWN],
                    extra={"event": "the_witness_cant_work", "alert": AlertLevel.CRITICAL.value},
                )
            self._failed = failed
