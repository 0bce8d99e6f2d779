"""Log and witness hand each other files that either reads whole or refuses."""

import json
from pathlib import Path

import pytest

from models.transparency.offline_verifier import ProofError
from models.transparency.submission import (
    HASH_BYTES,
    LogDirectory,
    Submission,
    WitnessDirectory,
    read,
)

ONE, TWO = b"\x01" * HASH_BYTES, b"\x02" * HASH_BYTES
SUBMISSION = Submission(3, "mlrisk\n5\nabc\n", (ONE, TWO), (TWO,))


def test_a_submission_comes_back_as_it_was() -> None:
    assert Submission.from_text(SUBMISSION.to_text()) == SUBMISSION


@pytest.mark.parametrize(
    "change",
    [
        {"begins": "3"},
        {"begins": True},
        {"checkpoint": None},
        {"proof": "AAAA"},
        {"leaves": "not base64!"},
    ],
)
def test_another_form_is_refused(change: dict[str, object]) -> None:
    wrong = {**json.loads(SUBMISSION.to_text()), **change}
    with pytest.raises(ProofError):
        Submission.from_text(json.dumps(wrong))


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000])
def test_what_is_no_submission_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        Submission.from_text(text)


def test_the_secret_is_drawn_once_and_nobody_else_reads_it(tmp_path: Path) -> None:
    own = LogDirectory(tmp_path / "audit-log")
    assert own.secret() == own.secret()
    key = own.path / "private" / "key"
    assert key.stat().st_mode & 0o077 == 0
    assert not list(own.public.iterdir())


def test_hashes_that_were_seen_are_read_as_far_as_they_are_there(tmp_path: Path) -> None:
    witness = WitnessDirectory(tmp_path)
    assert witness.seen(2) == ()
    witness.public.mkdir()
    witness.leaves.write_bytes(ONE + TWO)
    assert witness.seen(1) == (ONE,)
    assert witness.seen(9) == (ONE, TWO)
    witness.leaves.write_bytes(ONE + TWO[:7])
    with pytest.raises(ProofError, match="half a hash"):
        witness.seen(2)


def test_a_file_that_is_no_text_is_refused_and_a_missing_one_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "none") is None
    (tmp_path / "wrong").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProofError, match="no text"):
        read(tmp_path / "wrong")
