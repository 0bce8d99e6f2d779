"""Keys come from their secret alone, and no two purposes share one."""

from datetime import UTC, datetime

from models.transparency.notes import LogSigner, WitnessSigner
from models.transparency.offline_verifier import COSIGNATURE, LOG_SIGNATURE, Note

AT = datetime(2026, 11, 30, 10, 0, 1, 999_000, tzinfo=UTC)


def test_one_secret_is_one_key_and_another_secret_or_purpose_another() -> None:
    assert LogSigner("one").key == LogSigner("one").key
    keys = [LogSigner("one").key, LogSigner("two").key, WitnessSigner("one").key]
    assert len({key.public for key in keys}) == len({key.name for key in keys}) == 3
    assert [key.purpose for key in keys] == [LOG_SIGNATURE, LOG_SIGNATURE, COSIGNATURE]


def test_a_cosignature_stands_below_the_logs_and_counts_whole_seconds() -> None:
    log, witness = LogSigner("one"), WitnessSigner("one")
    note = log.checkpoint(3, bytes(32))
    both = witness.cosign(note, AT)
    assert both.startswith(note)
    assert len(Note.parse(both).signatures) == 2
    assert Note.parse(both).signed_by(witness.key) == AT.replace(microsecond=0)
