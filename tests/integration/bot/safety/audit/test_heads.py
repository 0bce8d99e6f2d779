"""What the database's owner cuts from the audit is missed by the file outside it."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.safety.audit import heads as audit_heads
from bot.safety.audit.heads import HeadsFile
from models.audit import AuditDraft, append_entries
from models.database import Database
from tests.support.audit.heads import KEY, note, problems, write
from tests.support.fakes import T0
from tests.support.processes.full_disk import full_after


def test_a_minute_with_news_is_a_line_and_one_without_is_none(
    db: Database, file: HeadsFile
) -> None:
    write(db)
    assert [note(db, file, minute) for minute in range(3)] == [[], [], []]
    write(db)
    assert note(db, file, 3) == []
    assert len(file.path.read_text().splitlines()) == 2
    assert problems(db, file) == []
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("what", ["changed", "moved", "another key", "torn"])
def test_a_file_that_was_changed_says_so(db: Database, file: HeadsFile, what: str) -> None:
    for minute in range(3):
        write(db)
        note(db, file, minute)
    lines = file.path.read_bytes().splitlines(keepends=True)
    if what == "changed":
        lines[1] = lines[1].replace(b'"paper":[10', b'"paper":[11')
    elif what == "moved":
        lines[0], lines[1] = lines[1], lines[0]
    elif what == "torn":
        lines[2] = lines[2][:40]
    file.path.write_bytes(b"".join(lines))
    judge = HeadsFile(file.path, "another") if what == "another key" else file
    assert any("was changed" in line for line in problems(db, judge))


def noted(db: Database, file: HeadsFile, lines: int) -> list[bytes]:
    for minute in range(lines):
        write(db)
        assert note(db, file, minute) == []
    return file.path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (slice(0, 2), "ends with line 2, and line 4 was written at"),
        (slice(1, 4), "begins with line 2 and not with line 1"),
        (slice(0, 0), "is empty, and had 4 lines"),
        (None, "is gone, and its line 4 was written at"),
    ],
    ids=["cut tail", "cut start", "empty", "gone"],
)
def test_what_a_file_lacks_of_its_lines_is_missed_and_a_new_one_begins_when_asked(
    db: Database, file: HeadsFile, left: slice | None, words: str
) -> None:
    """Whoever cuts the file where it was right once leaves nothing that looks wrong in it."""
    lines = noted(db, file, 4)
    if left is None:
        file.path.unlink()
    else:
        file.path.write_bytes(b"".join(lines[left]))
    before = file.path.read_bytes() if left else None
    write(db)
    for found in (problems(db, file), note(db, file, 5), note(db, file, 6)):
        assert [words in line for line in found] == [True], found
        assert str(file.path.with_suffix(".before")) in found[0]
    assert (file.path.read_bytes() if left else None) == before
    if left is None:
        file.path.with_suffix(".before").touch()
    else:
        file.path.rename(file.path.with_suffix(".before"))
    assert note(db, file, 7) == []
    assert problems(db, file) == []
    # It was moved once: when the new one goes, that is missed as well.
    file.path.unlink()
    assert any("its line 5 was written" in line for line in note(db, file, 8))


def test_another_newest_line_is_missed_by_its_code(db: Database, file: HeadsFile) -> None:
    noted(db, file, 2)
    with db.transaction() as session:
        session.execute(text("UPDATE audit_heads_file SET code = 'another'"))
    assert any("line 2 is another than was written" in line for line in problems(db, file))


def test_a_full_file_becomes_the_one_before_and_nobody_reads_more_than_the_ends(
    db: Database, file: HeadsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_heads, "MAX_BYTES", 1_500)
    for minute in range(12):
        write(db)
        assert note(db, file, minute) == []
        assert problems(db, file) == []
    sizes = {path.name: path.stat().st_size for path in file.path.parent.iterdir()}
    assert sizes.keys() == {file.path.name, file.full.name}
    assert max(sizes.values()) <= 1_500
    # A file that begins after the one before it, as a crash before the commit leaves it.
    with db.transaction() as session:
        session.execute(text("UPDATE audit_heads_file SET begins = 1, number = 3, code = 'old'"))
    assert problems(db, file) == []
    file.full.unlink()
    assert any("its beginning was cut" in line for line in problems(db, file))


def test_a_change_far_from_the_end_is_not_looked_for(
    db: Database, file: HeadsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It proves nothing about the database: the newest line does."""
    lines = noted(db, file, 4)
    monkeypatch.setattr(audit_heads, "_END_BYTES", len(lines[-1]) + len(lines[-2]) + 10)
    lines[1] = lines[1].replace(b'"paper":[10', b'"paper":[11')
    file.path.write_bytes(b"".join(lines))
    assert problems(db, file) == []


def test_a_line_that_finds_no_room_leaves_nothing_behind(db: Database, file: HeadsFile) -> None:
    """Half of one would be taken for a change by somebody."""
    write(db)
    with full_after(file.path, 40), pytest.raises(OSError, match=r"too large|No space"):
        note(db, file)
    assert not file.path.exists()
    whole = noted(db, file, 1)
    write(db)
    with full_after(file.path, 40), pytest.raises(OSError, match=r"too large|No space"):
        note(db, file, 1)
    assert file.path.read_bytes() == b"".join(whole)
    assert note(db, file, 2) == []
    assert problems(db, file) == []


def test_a_file_of_a_former_version_goes_on(db: Database, file: HeadsFile) -> None:
    """Its lines had no number, and the database knew nothing of it."""
    write(db)
    code, before = hmac.new(KEY.encode(), digestmod=hashlib.sha256), "0" * 64
    with db.reading() as session:
        heads = {chain: [head.seq, head.hash] for chain, head in audit_heads.heads(session).items()}
    body = {"at": T0.isoformat(timespec="microseconds"), "before": before, "heads": heads}
    told = json.dumps(body, sort_keys=True, separators=(",", ":"))
    code.update(b"mlrisk audit heads, version 1\n" + told.encode())
    line = {**body, "code": code.hexdigest()}
    file.path.write_text(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n")
    assert problems(db, file) == []
    write(db)
    assert note(db, file, 1) == []
    assert problems(db, file) == []
    assert len(file.path.read_text().splitlines()) == 2


def test_a_file_that_stays_behind_is_told(db: Database, file: HeadsFile) -> None:
    noted(db, file, 1)
    with db.transaction() as session:
        draft = AuditDraft("global", "note", "s", "test", {}, T0 + timedelta(minutes=16))
        append_entries(session, [draft])
    with db.reading() as session:
        assert "was last written at" in str(file.lateness(session))
    assert note(db, file, 16) == []
    with db.reading() as session:
        assert file.lateness(session) is None


def test_a_torn_line_is_told_and_nothing_is_written_after_it(db: Database, file: HeadsFile) -> None:
    write(db)
    note(db, file)
    file.path.write_bytes(file.path.read_bytes()[:40])
    write(db)
    assert any("torn" in line for line in note(db, file, 1))
    assert len(file.path.read_bytes()) == 40
