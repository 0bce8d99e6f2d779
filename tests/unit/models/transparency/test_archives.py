"""An archive verifies by itself, and any change of it is found."""

import gzip
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.audit import GENESIS, chained_hash, content
from models.transparency.archives import (
    Contents,
    Span,
    after,
    lines_of,
    months_later,
    verified,
)
from models.transparency.merkle import LeafNodes, peaks, root_at
from models.transparency.notes import LogSigner, WitnessSigner
from models.transparency.offline_verifier import (
    ProofError,
    leaf_hash,
    main,
    read_archive,
    require_archive,
    spans,
)
from models.transparency.stored import TornLogError
from tests.support.properties import examples

LOG, WITNESS = LogSigner("a secret of the log"), WitnessSigner("a secret of the witness")
AT = datetime(2024, 1, 15, 12, tzinfo=UTC)
KEYS = ["--log-key", str(LOG.key), "--witness-key", str(WITNESS.key)]


@dataclass(frozen=True)
class Row:
    leaf: int
    chain: str
    seq: int
    leaf_hash: bytes
    at: datetime
    kind: str
    subject: str
    actor: str
    payload: str
    prev_hash: str
    hash: str


def rows(count: int) -> list[Row]:
    """Entries of two chains in turns."""
    found: list[Row] = []
    ends = {"global": (0, GENESIS), "pap\u00e9r": (0, GENESIS)}
    for leaf in range(count):
        chain = sorted(ends)[leaf % 2]
        seq, prev = ends[chain][0] + 1, ends[chain][1]
        at = AT + timedelta(seconds=leaf)
        written = content(chain, at, "fill", f"s\u2028{leaf}", "gate", {"n": leaf})
        own = chained_hash(prev, seq, chain, written)
        hashed = leaf_hash(written.encode())
        payload = json.dumps({"n": leaf})
        found.append(
            Row(leaf, chain, seq, hashed, at, "fill", f"s\u2028{leaf}", "gate", payload, prev, own)
        )
        ends[chain] = (seq, own)
    return found


def archive_of(known: Sequence[Row], begins: int, ends: int) -> list[bytes]:
    nodes = LeafNodes([row.leaf_hash for row in known])
    note = LOG.checkpoint(len(known), root_at(nodes, len(known)))
    note = WITNESS.cosign(note, AT)
    return list(lines_of(known[begins:ends], nodes, Span("2024-01", begins, ends), note))


def put(path: Path, lines: Sequence[bytes]) -> Path:
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))
    return path


@given(st.integers(0, 200), st.integers(0, 200))
def test_spans_cover_what_lies_between_and_are_perfect_subtrees(begin: int, count: int) -> None:
    end = begin + count
    covered = [n for level, i in spans(begin, end) for n in range(i << level, (i + 1) << level)]
    assert covered == list(range(begin, end))
    assert list(spans(0, end)) == list(peaks(end))


@given(st.data())
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_part_of_any_log_is_an_archive_that_verifies_and_no_change_of_it_does(
    tmp_path: Path, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, 40), label="size")
    begins = data.draw(st.integers(0, size - 1), label="begins")
    ends = data.draw(st.integers(begins + 1, size), label="ends")
    known = rows(size)
    lines = archive_of(known, begins, ends)
    file = put(tmp_path / "archive.gz", lines)
    found: list[int] = []
    archive, at = require_archive(
        file, LOG.key, WITNESS.key, lambda entry: found.append(entry.index)
    )
    assert (archive.begins, archive.ends, at) == (begins, ends, AT)
    assert found == list(range(begins, ends))
    counted = Contents()
    for row in known[begins:ends]:
        counted.take(row)
    declared = verified(file, LOG.key, WITNESS.key)
    assert declared == counted.declared(archive)
    place = data.draw(st.integers(1, len(lines) - 1), label="line")
    other = data.draw(st.integers(0, len(lines) - 1), label="another")
    for changed in (
        lines[:place],
        [*lines[:place], *lines[place + 1 :]],
        [*lines[: place + 1], *lines[place:]],
        [*lines[:place], lines[place].replace(b"gate", b"Gate"), *lines[place + 1 :]],
        [*lines[:place], lines[place].replace(b'"seq":', b'"seq":1'), *lines[place + 1 :]],
        [*lines[:place], lines[other], *lines[place + 1 :]] if place != other else [],
        [*lines, lines[place]],
    ):
        with pytest.raises(ProofError):
            read_archive(put(file, changed))


@given(st.data())
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_another_byte_or_end_is_refused_or_is_another_file(
    tmp_path: Path, data: st.DataObject
) -> None:
    file = put(tmp_path / "archive.gz", archive_of(rows(9), 2, 7))
    whole = file.read_bytes()
    before = read_archive(file).sha256
    cut = data.draw(st.integers(0, len(whole) - 1), label="cut")
    file.write_bytes(whole[:cut])
    with pytest.raises(ProofError):
        read_archive(file)
    file.write_bytes(whole[:cut] + bytes([whole[cut] ^ 1]) + whole[cut + 1 :])
    with suppress(ProofError):
        assert read_archive(file).sha256 != before


def test_the_head_can_t_claim_other_leaves_or_another_log(tmp_path: Path) -> None:
    lines = archive_of(rows(12), 3, 8)
    file = tmp_path / "archive.gz"
    head = json.loads(lines[0])
    for change in (
        {"begins": 2, "ends": 7},
        {"begins": 0},
        {"ends": 13},
        {"before": []},
        {"after": head["after"][:-1]},
        {"before": head["before"][::-1]},
        {"checkpoint": "mine"},
        {"format": "another"},
        {"begins": "3"},
    ):
        with pytest.raises(ProofError):
            read_archive(put(file, [json.dumps({**head, **change}).encode() + b"\n", *lines[1:]]))
    put(file, lines)
    read_archive(file)
    with pytest.raises(ProofError, match="has not signed"):
        require_archive(file, LogSigner("another").key, WITNESS.key)
    with pytest.raises(ProofError, match="has not signed"):
        require_archive(file, LOG.key, WitnessSigner("another").key)


def test_the_offline_program_tells_an_archive_from_a_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = archive_of(rows(12), 3, 8)
    file = put(tmp_path / "audit-2024-01.jsonl.gz", lines)
    assert main([str(file), *KEYS]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["proven"], shown["month"], shown["first_leaf"]) == (True, "2024-01", 3)
    assert (shown["entries"], shown["tree_size"]) == (5, 12)
    put(file, lines[:-1])
    assert main([str(file), *KEYS]) == 1
    assert "has 4 of 5 entries" in capsys.readouterr().err


def test_an_entry_that_is_not_as_its_leaf_says_is_not_archived() -> None:
    known = rows(4)
    known[2] = Row(**{**vars(known[2]), "actor": "x"})
    with pytest.raises(TornLogError, match="entry 2 is not as it was written"):
        archive_of(known, 0, 4)


def test_months_end_and_pass() -> None:
    assert after("2024-12") == datetime(2025, 1, 1, tzinfo=UTC)
    assert months_later(datetime(2024, 1, 1, tzinfo=UTC), 13) == datetime(2025, 2, 1, tzinfo=UTC)
    assert months_later(AT, 13) == datetime(2025, 3, 1, tzinfo=UTC)
    assert months_later(datetime(2024, 12, 2, tzinfo=UTC), 12) == datetime(2026, 1, 1, tzinfo=UTC)
