"""The witness signs what follows, refuses everything else, and survives its own death."""

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import FixedClock
from config.private_files import write_private
from models.transparency.merkle import LeafNodes, consistency_proof, root_at
from models.transparency.notes import LogSigner
from models.transparency.offline_verifier import Checkpoint, ProofError, VerifierKey, leaf_hash
from models.transparency.submission import (
    LogDirectory,
    Submission,
    WitnessDirectory,
    read_note,
)
from tests.support.waiting import eventually
from workers.watchdog.witness import WITNESS_REFUSED, Witness, WitnessThread

AT = datetime(2026, 11, 30, tzinfo=UTC)


def leaves(size: int, mark: str = "") -> list[bytes]:
    return [leaf_hash(f"{mark}{n}".encode()) for n in range(size)]


@dataclass
class Log:
    """A log that submits whatever it is told to."""

    home: Path
    signer: LogSigner = field(default_factory=lambda: LogSigner("a log"))

    def __post_init__(self) -> None:
        self.files, self.own = LogDirectory(self.home / "log"), WitnessDirectory(self.home / "w")
        self.files.secret()
        write_private(self.files.key, f"{self.signer.key}\n")
        self.restart()

    def restart(self) -> None:
        self.witness = Witness(self.files, self.own, FixedClock(AT))

    def submit(self, known: list[bytes], begins: int, size: int | None = None) -> None:
        size = len(known) if size is None else size
        nodes = LeafNodes(known)
        proof = consistency_proof(nodes, begins, size) if 0 < begins <= size else []
        note = self.signer.checkpoint(size, root_at(nodes, size))
        made = Submission(begins, note, tuple(proof), tuple(known[begins:size]))
        write_private(self.files.submission, made.to_text())

    @property
    def signed(self) -> int:
        note = read_note(self.own.cosigned)
        if note is None:
            return 0
        note.signed_by(self.signer.key)
        assert note.signed_by(VerifierKey.parse(self.own.key.read_text())) == AT
        return Checkpoint.parse(note.text).size

    @property
    def refusal(self) -> str:
        return str(json.loads(self.own.refused.read_text())["why"])


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_it_signs_each_head_that_follows_the_last_one(log: Log) -> None:
    assert not log.witness.look(), "nothing is submitted"
    for begins, size in ((0, 3), (3, 4), (4, 9)):
        log.submit(leaves(size), begins)
        assert log.witness.look()
        assert (log.signed, log.witness.look()) == (size, False)
    assert log.own.leaves.read_bytes() == b"".join(leaves(9))
    assert not log.own.refused.exists()


@pytest.mark.parametrize(
    ("known", "begins", "size"),
    [
        ([*leaves(2), *leaves(6, "x")], 5, 8),
        (leaves(8, "x"), 5, 8),
        (leaves(5, "x"), 5, 5),
        (leaves(4, "x"), 5, 4),
        (leaves(5), 5, 0),
    ],
)
def test_it_refuses_a_log_with_another_past_and_tells(
    log: Log, caplog: pytest.LogCaptureFixture, known: list[bytes], begins: int, size: int
) -> None:
    log.submit(leaves(5), 0)
    assert log.witness.look()
    before = log.own.cosigned.read_bytes(), log.own.leaves.read_bytes()
    log.submit(known, begins, size)
    assert not log.witness.look()
    assert log.refusal
    assert (log.own.cosigned.read_bytes(), log.own.leaves.read_bytes()) == before
    told = [record for record in caplog.records if record.event == WITNESS_REFUSED]  # type: ignore[attr-defined]
    assert len(told) == 1
    log.submit(leaves(7), 5)
    assert log.witness.look(), "what follows is still signed"
    assert log.own.refused.exists(), "a person takes it away"


def test_it_refuses_a_proof_that_does_not_hold_and_leaves_that_are_others(log: Log) -> None:
    log.submit(leaves(5), 0)
    assert log.witness.look()
    sound = LeafNodes(leaves(8))
    note = log.signer.checkpoint(8, root_at(sound, 8))
    proof = tuple(consistency_proof(sound, 5, 8))
    for spoilt in (
        Submission(5, note, proof[:-1], tuple(leaves(8)[5:])),
        Submission(5, note, proof, tuple(leaves(8)[6:])),
        Submission(5, note, proof, tuple(leaves(3, "x"))),
        Submission(5, note.replace("\u2014 mlrisk", "\u2014 another"), proof, tuple(leaves(8)[5:])),
        Submission(5, "no note", proof, tuple(leaves(8)[5:])),
    ):
        write_private(log.files.submission, spoilt.to_text())
        assert not log.witness.look()
        assert log.refusal
        log.own.refused.unlink()
    write_private(log.files.submission, "{")
    assert not log.witness.look()
    assert "can't be read" in log.refusal
    assert log.signed == 5


def test_a_submission_that_was_written_before_its_signature_was_read_is_no_fault(
    log: Log,
) -> None:
    log.submit(leaves(5), 0)
    assert log.witness.look()
    for begins, size in ((0, 7), (0, 3), (3, 5)):
        log.submit(leaves(size), begins)
        assert not log.witness.look()
    assert not log.own.refused.exists()
    assert log.signed == 5


def test_the_first_key_of_the_log_counts_for_ever(log: Log) -> None:
    log.submit(leaves(2), 0)
    assert log.witness.look()
    log.signer = LogSigner("another")
    write_private(log.files.key, f"{log.signer.key}\n")
    log.submit(leaves(3), 2)
    assert not log.witness.look()
    assert "another key" in log.refusal


def test_a_death_between_hashes_and_signature_leaves_what_was_signed(log: Log) -> None:
    log.submit(leaves(4), 0)
    assert log.witness.look()
    with log.own.leaves.open("ab") as file:
        file.write(leaves(9)[4] + b"half")
    log.restart()
    log.submit(leaves(6), 4)
    assert log.witness.look()
    assert log.own.leaves.read_bytes() == b"".join(leaves(6))
    log.restart()
    log.submit(leaves(7), 6)
    assert log.witness.look()


def test_a_witness_whose_own_memory_was_changed_signs_nothing(log: Log) -> None:
    log.submit(leaves(4), 0)
    assert log.witness.look()
    whole = log.own.leaves.read_bytes()
    for spoilt in (b"x" * 32 + whole[32:], whole[:-32]):
        log.own.leaves.write_bytes(spoilt)
        log.restart()
        with pytest.raises(ProofError, match="not as the witness left it"):
            log.witness.look()
    log.own.leaves.write_bytes(whole)
    log.own.cosigned.write_text(log.own.cosigned.read_text().replace("\n4\n", "\n3\n"))
    log.restart()
    with pytest.raises(ProofError, match="is wrong"):
        log.witness.look()


def test_its_thread_tells_a_fault_once_and_goes_on(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    log.submit(leaves(2), 0)
    log.own.path.write_text("a file where its directory belongs")
    rounds = iter([False, False, False, True])
    first = WitnessThread(log.witness, lambda _: next(rounds))
    first.run()
    assert [r.event for r in caplog.records] == ["the_witness_cant_work"]  # type: ignore[attr-defined]
    log.own.path.unlink()
    done = threading.Event()
    thread = WitnessThread(log.witness, lambda _: done.wait(0.01))
    thread.start()
    assert eventually(lambda: log.signed == 2)
    done.set()
    thread.join(60)


@pytest.mark.parametrize("size", [0, 2 * 32, 4 * 32 + 7])
def test_it_refuses_when_its_own_hashes_are_gone_while_it_runs(log: Log, size: int) -> None:
    log.submit(leaves(5), 0)
    assert log.witness.look()
    with log.own.leaves.open("r+b") as file:
        file.truncate(size)
    log.submit(leaves(4), 0)
    assert not log.witness.look()
    assert str(log.own.leaves) in log.refusal
