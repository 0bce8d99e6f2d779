"""A run of pytest notes the tests of the catalogue, whoever runs them, and no others."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from console.selfassess.catalogue import referenced_tests
from tests.support.proofs import Recorder, named
from tests.support.repository import ROOT

Phase = Literal["setup", "call", "teardown"]
Ending = Literal["passed", "failed", "skipped"]
A_FILE = "tests/unit/bot/risk/checks/test_model.py"
WANTED = f"{A_FILE}::test_a_prediction_is_judged_at_its_limits"
"""Names that the catalogue has; here they are other tests, in a tree of their own."""
ANOTHER_FILE = "tests/security/test_secrets.py"
FAILING = f"{ANOTHER_FILE}::test_only_processes_that_ask_the_exchange_have_its_keys"
A_TEST = f"""
import pytest

@pytest.mark.xdist_group("a")
@pytest.mark.parametrize("value", ["one@two", "[three]"])
def {WANTED.rpartition(":")[2]}(value):
    assert True

def test_that_no_control_names():
    assert True
"""
ANOTHER_TEST = f"""
import pytest

@pytest.fixture
def leaving():
    yield
    raise RuntimeError("it fails while it is taken down")

def {FAILING.rpartition(":")[2]}(leaving):
    assert True
"""


def report(nodeid: str, when: Phase, outcome: Ending = "passed") -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("x", None, "x"), {}, outcome, None, when, stop=1.0)


def test_the_worst_phase_is_the_result_and_other_tests_are_not_noted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, tmp_path / "build" / "proofs.json")
    for nodeid in (f"{WANTED}[a]", f"{WANTED}[b]@group", "tests/test_x.py::test_y"):
        for when in ("setup", "call", "teardown"):
            recorder.pytest_runtest_logreport(report(nodeid, when))
    recorder.pytest_runtest_logreport(report(FAILING, "call"))
    recorder.pytest_runtest_logreport(report(FAILING, "teardown", "failed"))
    recorder.pytest_sessionfinish()
    found = proofs(tmp_path)
    assert set(found) == {WANTED, FAILING}
    assert found[FAILING]["cases"][""]["outcome"] == "failed"
    cases = found[WANTED]["cases"]
    assert {name: case["outcome"] for name, case in cases.items()} == {"a": "passed", "b": "passed"}
    assert cases["a"]["ended_at"] == "1970-01-01T00:00:01Z"


def test_a_skipped_test_is_noted_and_a_run_without_any_of_them_writes_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "build" / "proofs.json"
    idle = Recorder(tmp_path, file)
    idle.pytest_runtest_logreport(report("tests/test_x.py::test_y", "call"))
    idle.pytest_sessionfinish()
    assert not file.exists()
    recorder = Recorder(tmp_path, file)
    recorder.pytest_runtest_logreport(report(WANTED, "setup", "skipped"))
    recorder.pytest_sessionfinish()
    assert proofs(tmp_path)[WANTED]["cases"][""]["outcome"] == "skipped"


def test_a_file_that_is_none_is_replaced_and_one_that_can_not_be_written_is_told(
    tmp_path: Path,
) -> None:
    file = tmp_path / "build" / "proofs.json"
    file.parent.mkdir()
    file.write_text("spoilt")
    recorder = Recorder(tmp_path, file)
    recorder.pytest_runtest_logreport(report(WANTED, "call"))
    recorder.pytest_sessionfinish()
    assert "this run has replaced it" in (recorder.problem or "")
    assert set(proofs(tmp_path)) == {WANTED}
    nowhere = Recorder(tmp_path, file / "below" / "proofs.json")
    nowhere.pytest_runtest_logreport(report(WANTED, "call"))
    nowhere.pytest_sessionfinish()
    assert "can't be written" in (nowhere.problem or "")


@pytest.mark.long
def test_a_run_notes_each_case_with_its_worst_phase(tmp_path: Path) -> None:
    assert {WANTED, FAILING} <= referenced_tests()
    for name, text in ((A_FILE, A_TEST), (ANOTHER_FILE, ANOTHER_TEST)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    told = run(tmp_path, "-n", "2", "--dist", "loadgroup")
    found = proofs(tmp_path)
    assert set(found) == {WANTED, FAILING}, told
    assert {each["outcome"] for each in found[FAILING]["cases"].values()} == {"failed"}
    cases = found[WANTED]["cases"]
    assert set(cases) == {"one@two", "[three]"}
    assert {each["outcome"] for each in cases.values()} == {"passed"}


def test_a_group_of_xdist_is_no_part_of_a_tests_name() -> None:
    assert named("tests/test_x.py::test_y@group") == ("tests/test_x.py::test_y", "")
    assert named("tests/test_x.py::test_y[a@b]@group") == ("tests/test_x.py::test_y", "a@b")
    assert named("tests/test_x.py::test_y[a[1]]") == ("tests/test_x.py::test_y", "a[1]")


def run(tree: Path, *words: str) -> str:
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.support.proofs", "-c", os.devnull),
            *("--rootdir", str(tree), "--import-mode=importlib", "-p", "no:cacheprovider", *words),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return told.stdout + told.stderr


def proofs(tree: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tree / "build" / "proofs.json").read_text())["proofs"]
    return found
