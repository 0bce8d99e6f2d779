"""Starts Python programs as copies of a process that has imported their modules already.

A program of ours needs three seconds of a processor to import its modules, and a system has a dozen
programs. A process that has imported them once (`preload`) forks, and the copy becomes a program
(`become`): it has a new environment, command line, standard streams and signal handlers, and it
shares the memory of what was imported.
"""

import atexit
import ctypes
import gc
import importlib
import io
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

MODULES = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.beat",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "pybit.unified_trading",
    "redbeat",
    "sqlalchemy.dialects.postgresql.psycopg",
    "tasks.emergency",
    "tasks.execution",
    "tasks.monitoring",
    "tasks.reporting",
    "tasks.startup",
    "tasks.validation",
    "workers.alerting.main",
    "workers.alerting.main",
    "workers.celery.beat",
    "workers.celery.reading",
    "workers.celery.schedule",
    "workers.celery.watching",
    "workers.exporter.main",
    "workers.feeds.account",
    "workers.feeds.market",
    "workers.safety",
    "workers.supervision.canaries",
    "workers.supervision.disk",
)
"""What our own programs import, and what reads no setting while it is imported."""
_FIRST_DESCRIPTOR_OF_NOBODY = 3
_PYTHON_MODULE = "-m"
# Fields of /proc/PID/stat, counted after the command's name.
_ARGUMENTS_BEGIN, _ARGUMENTS_END = 45, 46
PADDING = " " * 512
"""An argument that makes room for the command lines of copies, which may be longer."""


def preload() -> None:
    """Import the modules of our programs, once, before the first `become`.

    Raises:
        ImportError: a module is missing.
    """
    # A thread of a library would not live on in a copy.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in MODULES:
        importlib.import_module(module)
    # Copies go on sharing what no collection touches.
    gc.collect()
    gc.freeze()


def become(command: Sequence[str], environment: Mapping[str, str], directory: Path) -> NoReturn:
    """Become a Python program in this forked process; end the process as the program ends.

    `command` is what an `exec` would get: interpreter, `-m`, module, arguments. The caller has put
    the program's standard streams in place. All other descriptors are closed. The caller's objects
    must stay alive until the end, because they would close descriptors that others have by then:
    the caller therefore calls this function from within the frames that hold them.
    """
    status = 1
    try:
        _leave_the_parent(environment, directory)
        _show(command)
        status = _run(command)
        _flush_and_finish()
    except BaseException:  # noqa: BLE001 - a copy must never return into its parent's code
        traceback.print_exc()
    finally:
        os._exit(status)


def _leave_the_parent(environment: Mapping[str, str], directory: Path) -> None:
    os.closerange(_FIRST_DESCRIPTOR_OF_NOBODY, os.sysconf("SC_OPEN_MAX"))
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    # As in each new interpreter.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=True)


def _run(command: Sequence[str]) -> int:
    """Run the program's module as `python -m` does; return the status of its end."""
    _, option, module, *arguments = command
    if option != _PYTHON_MODULE:
        raise ValueError(f"{command} is no module of Python")
    # `python -m` finds modules in the working directory first.
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [module, *arguments]
    # The program is another copy of its module, as under `python -m`.
    sys.modules.pop(module, None)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return _status(ended)
    except KeyboardInterrupt:
        traceback.print_exc()
        return 128 + signal.SIGINT
    return 0


def _status(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1


def _flush_and_finish() -> None:
    """Do what an interpreter does at its end and `os._exit` does not."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


def _show(command: Sequence[str]) -> None:
    """Make `ps` show the program's command line instead of the parent's."""
    stat = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace")
    fields = stat.rpartition(")")[2].split()
    begin, end = int(fields[_ARGUMENTS_BEGIN]), int(fields[_ARGUMENTS_END])
    room = end - begin
    if room <= 0:
        return  # the kernel doesn't say where it is
    words = b"\0".join(os.fsencode(word) for word in command)[: room - 1]
    ctypes.memmove(begin, words.ljust(room, b"\0"), room)
