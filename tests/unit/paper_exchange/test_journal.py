from pathlib import Path

import pytest

from paper_exchange.journal import JournalError, JournalWriter, read_journal
from tests.support.processes.full_disk import full_after


def test_records_come_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    with JournalWriter(path) as writer:
        writer.write("create", 5, {"orderId": "a"})
        writer.write("fill", 6, {"row": {"execQty": "0.1"}})
        assert [r["kind"] for r in read_journal(path)] == ["create", "fill"]
    assert list(read_journal(path, after=1)) == [
        {"n": 2, "t": 6, "kind": "fill", "row": {"execQty": "0.1"}}
    ]


def test_a_torn_last_line_is_not_read_and_is_cut_on_opening(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        writer.write("create", 1, {})
    with path.open("ab") as file:
        file.write(b'{"n":2,"t":')
    assert len(list(read_journal(path))) == 1
    with JournalWriter(path) as writer:
        assert writer.count == 1
        writer.write("cancel", 2, {})
    assert [(r["n"], r["kind"]) for r in read_journal(path)] == [(1, "create"), (2, "cancel")]


def test_what_a_full_disk_cuts_off_is_completed_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        writer.write("create", 1, {})
        with full_after(path, 10):
            writer.write("create", 2, {})
            writer.write("fill", 3, {})
        assert [r["n"] for r in read_journal(path)] == [1]
        writer.flush()
        assert [r["n"] for r in read_journal(path)] == [1, 2, 3]
        writer.write("final", 4, {})
    assert [r["n"] for r in read_journal(path)] == [1, 2, 3, 4]
    told = [record.getMessage() for record in caplog.records]
    assert [f"{path} can't be written" in line for line in told] == [True, False]


def test_damage_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"n":1,"t":1,"kind":"a"}\nnonsense\n{"n":3,"t":1,"kind":"a"}\n')
    with pytest.raises(JournalError, match="line 2"):
        list(read_journal(path))
