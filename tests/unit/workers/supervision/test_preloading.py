"""A forked copy becomes a program as if it had been executed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from workers.supervision import preloading

_PARENT = """
import json, os, signal, sys
from pathlib import Path
from workers.supervision.preloading import PADDING, become

kept = open("/dev/null")
signal.signal(signal.SIGTERM, lambda *_: None)
os.environ["OF_THE_PARENT"] = "1"
module, directory = sys.argv[1:3]
pid = os.fork()
if pid == 0:
    environment = {"PATH": os.environ["PATH"], "OF_THE_PROGRAM": "yes"}
    become([sys.executable, "-m", module, "first", "second"], environment, Path(directory))
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print("status", status)
"""


def run(tmp_path: Path, program: str) -> list[str]:
    """The lines that a program and its parent print."""
    (tmp_path / "a_program_of_the_test.py").write_text(program, encoding="utf-8")
    result = subprocess.run(
        [
            *(sys.executable, "-c", _PARENT, "a_program_of_the_test", str(tmp_path)),
            preloading.PADDING,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    return result.stdout.splitlines()


def test_it_has_the_programs_environment_words_directory_and_nothing_of_the_parents(
    tmp_path: Path,
) -> None:
    program = """
import json, os, signal, sys
from pathlib import Path
print(json.dumps({
    "environment": dict(os.environ),
    "words": sys.argv[1:],
    "name": __name__,
    "shown": Path("/proc/self/cmdline").read_text().rstrip(chr(0)).split(chr(0)),
    "directory": os.getcwd(),
    "open": sorted(int(n) for n in os.listdir("/proc/self/fd")),
    "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    "int": signal.getsignal(signal.SIGINT) == signal.default_int_handler,
}))
"""
    told, ended = run(tmp_path, program)
    assert ended == "status 0"
    found = json.loads(told)
    assert found.pop("environment").items() >= {"OF_THE_PROGRAM": "yes"}.items()
    assert "OF_THE_PARENT" not in told
    # The fourth is the listing's own.
    assert found.pop("open") == [0, 1, 2, 3]
    assert found == {
        "words": ["first", "second"],
        "name": "__main__",
        "shown": [sys.executable, "-m", "a_program_of_the_test", "first", "second"],
        "directory": str(tmp_path),
        "term": True,
        "int": True,
    }


@pytest.mark.parametrize(
    ("program", "told", "status"),
    [
        ("import sys; sys.exit(3)", [], 3),
        ("import sys; sys.exit()", [], 0),
        ("import sys; sys.exit('no room')", ["no room"], 1),
        ("import os; os._exit(4)", [], 4),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", [], -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", [], -signal.SIGTERM),
    ],
)
def test_it_ends_as_its_program_ends(
    tmp_path: Path, program: str, told: list[str], status: int
) -> None:
    assert run(tmp_path, program) == [*told, f"status {status}"]


def test_a_program_that_was_imported_already_begins_anew_without_a_warning(tmp_path: Path) -> None:
    package = tmp_path / "a_package_of_the_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "program.py").write_text("print(__name__)", encoding="utf-8")
    parent = _PARENT.replace(
        "pid = os.fork()", "sys.path.insert(0, directory); __import__(module); pid = os.fork()"
    )
    result = subprocess.run(
        [sys.executable, "-u", "-c", parent, "a_package_of_the_test.program", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.stdout.splitlines() == [
        "a_package_of_the_test.program",
        "__main__",
        "status 0",
    ]


def test_an_error_is_told_and_never_returns_into_the_parents_code(tmp_path: Path) -> None:
    *told, ended = run(tmp_path, "raise RuntimeError('it broke')")
    assert told[-1] == "RuntimeError: it broke"
    assert ended == "status 1"


def test_threads_end_and_what_is_registered_for_the_end_runs(tmp_path: Path) -> None:
    program = """
import atexit, threading, time
atexit.register(lambda: print("registered"))
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print("main", end="")
"""
    assert run(tmp_path, program) == ["mainthread", "registered", "status 0"]


def test_what_is_preloaded_reads_no_setting_and_opens_nothing() -> None:
    code = (
        "import os, threading; from workers.supervision.preloading import preload\n"
        "before = set(os.listdir('/proc/self/fd')); preload()\n"
        "assert set(os.listdir('/proc/self/fd')) == before\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert len(os.listdir('/proc/self/task')) == 1, 'a thread of a library'\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
