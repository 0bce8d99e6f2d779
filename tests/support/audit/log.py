"""An audit with its log and its witness, each with directories of its own, and attacks on it."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bot.clock import SystemClock
from bot.safety.audit.sequencing import Sequencer
from bot.safety.audit.submitting import Outbox
from models.audit import GENESIS, AuditDraft, append_entries, chained_hash, content_of, links
from models.database import Database
from models.transparency.checking import Evidence, Report, check
from models.transparency.notes import LogSigner
from models.transparency.offline_verifier import Checkpoint, VerifierKey
from models.transparency.submission import (
    AUDIT_LOG,
    AUDIT_WITNESS,
    LogDirectory,
    WitnessDirectory,
    read_note,
)
from tests.support.fakes import T0
from workers.watchdog.witness import Witness

CHAINS = ("global", "paper")
IMMUTABLE = ("audit_entry", "audit_leaf", "audit_node", "audit_tree")


@dataclass
class LoggedAudit:
    """One database's audit, its log and its witness."""

    db: Database
    home: Path
    log: LogDirectory = field(init=False)
    own: WitnessDirectory = field(init=False)

    def __post_init__(self) -> None:
        self.log = LogDirectory(self.home / AUDIT_LOG)
        self.own = WitnessDirectory(self.home / AUDIT_WITNESS)
        self.clock = SystemClock()
        self.start()

    def start(self) -> None:
        """Log and witness as new processes find them."""
        self.signer = LogSigner(self.log.secret())
        self.sequencer = Sequencer(self.db, self.signer, self.clock)
        self.outbox = Outbox(self.log, self.own, self.signer.key)
        self.outbox.publish_key()
        self.witness = Witness(self.log, self.own, self.clock)

    def write(self, count: int = 5, *, what: str = "s") -> None:
        """Adds so many entries to each of two chains, in turns."""
        for n in range(count):
            with self.db.transaction() as session:
                at = T0 + timedelta(seconds=n)
                append_entries(
                    session,
                    [AuditDraft(chain, "note", what, "test", {"n": n}, at) for chain in CHAINS],
                )

    def extend(self) -> int:
        """Gives waiting entries their places."""
        done = 0
        while found := self.sequencer.extend():
            done += found
        return done

    def submit(self) -> str | None:
        """Submits the newest head; returns what is wrong."""
        with self.db.reading() as session:
            return self.outbox.submit(session)

    def step(self) -> str | None:
        """One round: numbers, submits, lets the witness look, and hears it."""
        self.extend()
        self.submit()
        self.witness.look()
        return self.submit()

    @property
    def witnessed(self) -> int:
        """The size of the newest cosigned head."""
        note = read_note(self.own.cosigned)
        return 0 if note is None else Checkpoint.parse(note.text).size

    def evidence(self) -> Evidence:
        """What is known outside the database."""
        leaves = self.own.seen(self.witnessed)
        key = VerifierKey.parse(self.own.key.read_text()) if self.own.key.exists() else None
        return Evidence(self.signer.key, key, read_note(self.own.cosigned), leaves)

    def check(self, since: Checkpoint | None = None) -> Report:
        """Verifies as `mlrisk audit verify` does."""
        evidence = self.evidence()
        with self.db.reading() as session:
            return check(session, evidence, since)

    def damage(self, *statements: str) -> None:
        """What the owner of the tables can do."""
        with self.db.transaction() as session:
            for table in IMMUTABLE:
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            for statement in statements:
                session.execute(text(statement))
            for table in IMMUTABLE:
                session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))

    def rewrite(self, *statements: str) -> None:
        """The strongest attack on the database: after the damage, all chains, heads, leaves and
        subtrees are made anew, and the log's own key signs them."""
        self.damage(*statements)
        for chain in CHAINS:
            with self.db.reading() as session:
                entries = list(links(session, chain, after=-(1 << 40), limit=10_000))
            prev, changes = GENESIS, ["SELECT 1"]
            for place, (seq, draft, _, _) in enumerate(entries, start=1):
                own = chained_hash(prev, place, chain, content_of(draft))
                changes.append(
                    f"UPDATE audit_entry SET seq = {place}, prev_hash = '{prev}', hash = '{own}'"
                    f" WHERE chain = '{chain}' AND seq = {seq}"
                )
                prev = own
            changes.append(
                f"UPDATE audit_chain_head SET seq = {len(entries)}, hash = '{prev}'"
                f" WHERE chain = '{chain}'"
            )
            self.damage(*changes)
        self.damage("DELETE FROM audit_leaf", "DELETE FROM audit_node", "DELETE FROM audit_tree")
        Sequencer(self.db, self.signer, self.clock).extend()
