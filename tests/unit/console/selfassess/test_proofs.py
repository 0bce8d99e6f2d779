"""The file of proofs: results of one code are kept together, and no other file is believed."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.errors import CommandError, ExitCode
from console.selfassess.proofs import (
    Case,
    Outcome,
    Proof,
    ProofFile,
    read,
    revision_of,
    write,
)

T0 = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEST = "tests/unit/test_x.py::test_y"


def case(outcome: Outcome = Outcome.PASSED, *, minutes: int = 0) -> Case:
    return Case(outcome=outcome, ended_at=T0 + timedelta(minutes=minutes))


def test_the_worst_case_is_the_result_and_the_newest_its_time() -> None:
    proof = Proof(
        revision="a",
        cases={"1": case(), "2": case(Outcome.FAILED, minutes=1), "3": case(Outcome.SKIPPED)},
    )
    assert proof.outcome is Outcome.FAILED
    assert proof.ended_at == T0 + timedelta(minutes=1)
    assert Proof(revision="a", cases={"": case(Outcome.SKIPPED)}).outcome is Outcome.SKIPPED


def test_a_later_run_of_the_same_code_replaces_what_it_ran_and_keeps_the_rest() -> None:
    first = ProofFile().with_run("a", {TEST: {"1": case(Outcome.FAILED), "2": case()}})
    second = first.with_run("a", {TEST: {"1": case(minutes=5)}})
    assert second.proofs[TEST].outcome is Outcome.PASSED
    assert set(second.proofs[TEST].cases) == {"1", "2"}


def test_a_run_of_other_code_keeps_nothing_of_the_test_and_leaves_other_tests() -> None:
    other = "tests/unit/test_x.py::test_z"
    first = ProofFile().with_run("a", {TEST: {"1": case(), "2": case()}, other: {"": case()}})
    second = first.with_run("b", {TEST: {"1": case(minutes=5)}})
    assert set(second.proofs[TEST].cases) == {"1"}
    assert (second.proofs[TEST].revision, second.proofs[other].revision) == ("b", "a")


def test_a_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "build" / "proofs.json"
    known = ProofFile().with_run("a", {TEST: {"": case()}})
    write(path, known)
    assert read(path) == known


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 2, "proofs": {}}',
        '{"proofs": {"x": {"revision": null, "cases": {}}}}',
        '{"proofs": {"x": {"revision": null, "cases": {"": {"outcome": "fine", "ended_at": 1}}}}}',
    ],
)
def test_another_file_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "proofs.json"
    path.write_text(text)
    with pytest.raises(CommandError, match="is no file of proofs") as refused:
        read(path)
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        read(tmp_path / "nothing")


def test_the_revision_is_the_commit_and_says_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert revision_of(tmp_path) is None
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    (tmp_path / "file").write_text("one")
    for words in (("init", "-q"), ("add", "file"), (*who, "commit", "-q", "-m", "first")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    clean = revision_of(tmp_path)
    assert clean is not None
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert revision_of(tmp_path) == f"{clean}-dirty"
