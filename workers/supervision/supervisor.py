"""Runs a system's processes under one supervisord, from the first start to the last process."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import Faults

from bot.errors import DependencyDown
from config.private_files import write_private
from config.settings import PREFIX
from workers.home import Home, HomeInUseError
from workers.supervision import launches, processes, steadfast, supervisord
from workers.supervision.launcher import PARENT_VARIABLE, RUN_VARIABLE
from workers.supervision.launches import ProcessSpec, Run
from workers.supervision.preloading import PADDING
from workers.supervision.processes import ProcessIdentity
from workers.supervision.status import ProcessStatus, status_of
from workers.supervision.supervisord import SupervisorCallError

__all__ = [
    "HomeInUseError",
    "NotRunningError",
    "ProcessSpec",
    "ProcessStatus",
    "StartError",
    "StoppedError",
    "Supervisor",
    "SupervisorCallError",
]

Progress = Callable[[str], None]

# A dozen Pythons that start at once on two busy cores were seen to take three minutes. A process
# that can't start at all is given up earlier, after its third start.
_READY_TIMEOUT_SECONDS = 600.0
# One failed start may be an accident, for instance while a port is just being released.
_STARTS_BEFORE_GIVING_UP = 3
_SUPERVISORD_STOP_SECONDS = 10.0
_LEFTOVER_SECONDS = 10.0
# supervisord notices an ended process within 1 s, or as soon as anybody asks.
_POLL_SECONDS = 0.05
_UP = frozenset({"STARTING", "RUNNING", "STOPPING", "BACKOFF"})
_STOPPABLE = frozenset({"STARTING", "RUNNING"})

# Linux ends a tied child when the thread that started it ends. The thread of this pool lives as
# long as this process.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="supervisor-starter")


class NotRunningError(DependencyDown):
    """No system runs in this home."""


class StartError(DependencyDown):
    """A process did not come up; the message holds the end of its log."""


class StoppedError(DependencyDown):
    """Somebody else stopped the system while it was being started."""


class Supervisor:
    """The processes of one home. `start` a new system, or `attach` to the one that runs."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._run: Run | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, home: Home) -> "Supervisor":
        """Return the running system of a home, from any shell of the same user."""
        run = Run.load(home)
        if run is None or not run.identity.is_alive():
            raise NotRunningError(f"no system runs in {home.path}; start one with `mlrisk up`")
        supervisor = cls(home)
        supervisor._run = run
        return supervisor

    @property
    def pid(self) -> int:
        """The process id of supervisord."""
        return self._running.pid

    def is_alive(self) -> bool:
        """Tell whether supervisord runs; one that ended is reaped, so that others see it gone."""
        if self._child is not None:
            self._child.poll()
        return self._run is not None and self._run.identity.is_alive()

    def start(
        self,
        specs: Sequence[ProcessSpec] | Callable[[], Sequence[ProcessSpec]],
        *,
        after_stage: Mapping[int, Callable[[], None]] | None = None,
        progress: Progress = lambda _: None,
        tied: bool = True,
    ) -> None:
        """Start everything, stage by stage; when one thing fails, stop everything and raise.

        `specs` may be a function that prepares the processes' needs. It is called when the home is
        ours. When a stage with an `after_stage` callback is ready, the callback runs before the
        next stage starts. Stages without a callback get ready side by side. With `tied` the system
        stops by itself when this process dies. Raises StoppedError when another process has stopped
        the system meanwhile; that one ends everything.
        """
        self.home.create()
        with self.home.lock():
            self._clear_the_way(progress)
            launches.forget_stopper(self.home)
            known = specs() if callable(specs) else specs
            try:
                self._start_supervisord(known, tied=tied)
                self._start_stages(known, after_stage or {}, progress)
            except Exception as error:
                if self._is_stopped_elsewhere():
                    self._let_the_other_stop(progress)
                    told = f"the system in {self.home.path} was stopped while it was being started"
                    raise StoppedError(told) from error
                self._stop_what_runs(progress)
                raise
            except BaseException:
                self._stop_what_runs(progress)
                raise

    def status(self) -> list[ProcessStatus]:
        """Return the state of every process, supervisord first, the rest in order of start."""
        infos = sorted(self._infos(), key=lambda info: (_stage(info), info["name"]))
        return status_of(self.home, self._running, infos)

    def start_process(self, name: str) -> None:
        """Start one process that was stopped; nothing happens if it runs."""
        info = self._info(name)
        if info["statename"] not in _UP:
            self._call("startProcess", _full_name(info), False)

    def stop_process(self, name: str) -> bool:
        """Stop one process and return when it has ended; it stays down until it is started.

        Return False if it had to be killed.
        """
        return self._stop_when_up([self._info(name)])

    def restart_process(self, name: str) -> None:
        """Stop one process, wait for its end, and start it."""
        self.stop_process(name)
        self.start_process(name)

    def renew_process(self, name: str, pid: int) -> bool:
        """End a running process as a stop does, or kill it; supervisord starts it again.

        The process is never counted as stopped meanwhile, so that it comes back even if the caller
        dies. Return False if another process than `pid` has the name by now, or is on its way.
        """
        info = self._info(name)
        identity = ProcessIdentity.of(pid)
        handle = identity.process() if identity else None
        if handle is None or info["pid"] != pid or not self._hears(info):
            return False
        told = launches.stop_signal(self.home, name)
        family = {handle: told, **dict.fromkeys(processes.descendants(handle), signal.SIGCONT)}
        processes.stop_all(family, launches.stop_wait_seconds(self.home, name))
        return True

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process, not to its children; if it ends, it is started again."""
        self._call("signalProcess", _full_name(self._info(name)), str(int(number)))

    def shutdown(self, progress: Progress = lambda _: None) -> bool:
        """Stop every process, last started first, then supervisord.

        Return True if everything, children included, ended when asked to; False if something
        had to be killed.
        """
        run = self._running
        if self._child is None:
            launches.note_stopper(self.home)
        seen = self._family()
        clean = True
        try:
            infos = self._infos()
            for stage in sorted({_stage(info) for info in infos}, reverse=True):
                members = [info for info in infos if _stage(info) == stage]
                progress(f"stopping {', '.join(info['name'] for info in members)}")
                clean = self._stop_when_up(members, progress) and clean
                seen |= self._family()
            self._call("shutdown")
        except SupervisorCallError as error:
            progress(f"{error}; ending its processes without it")
            launches.stop_orphans(self.home, run)
            clean = False
        return self._finish(run, seen, progress) and clean

    def _is_stopped_elsewhere(self) -> bool:
        """Tell whether another process stops the system that this one starts, or has stopped it."""
        if self._run is None:
            return False
        return launches.has_stopper(self.home) or Run.is_forgotten(self.home)

    def _let_the_other_stop(self, progress: Progress) -> None:
        """Return when the process that stops this system is done, or finish its work if it dies."""
        progress("somebody else stops the system")
        while launches.has_living_stopper(self.home):
            # It counts our child as running until we have waited for it.
            self.is_alive()
            time.sleep(_POLL_SECONDS)
        if self.is_alive() or not Run.is_forgotten(self.home):
            self.shutdown(progress)
        self._run, self._child = None, None

    def _stop_what_runs(self, progress: Progress) -> None:
        if self._run is not None:
            self.shutdown(progress)

    def _clear_the_way(self, progress: Progress) -> None:
        previous = Run.load(self.home)
        if previous is None:
            return
        if previous.identity.is_alive():
            raise HomeInUseError(self.home.path, previous.pid)
        ended = launches.stop_orphans(self.home, previous)
        previous.forget(self.home)
        progress(f"ended {ended} processes that a crash had left running")

    def _start_supervisord(self, specs: Sequence[ProcessSpec], *, tied: bool) -> None:
        socket = launches.socket_path(self.home)
        with contextlib.ExitStack() as undo:
            undo.callback(launches.discard, self.home, socket)
            path = self.home.run / "supervisord.conf"
            write_private(path, supervisord.configuration(self.home, socket, specs))
            launches.write_launches(self.home, specs)
            # -P: a file beside the script must not hide a module of the same name.
            program = [sys.executable, "-P", steadfast.__file__, "-n", "-c", str(path)]
            if any(spec.preloaded for spec in specs):
                program.append(PADDING)
            launches.write_supervisord_launch(self.home, program, tied=tied)
            self._run = self._spawned(socket)
            self._run.store(self.home)
            undo.pop_all()  # from now on `shutdown` takes everything away
        self._wait_for_supervisord()

    def _spawned(self, socket: Path) -> Run:
        run_id = secrets.token_hex(16)
        self._child = _starter.submit(_spawn, self.home, run_id).result()
        identity = ProcessIdentity.of(self._child.pid)
        if identity is None:
            raise StartError(self._explain("supervisord.out", "it ended at once"))
        return Run(
            identity.pid,
            identity.start_ticks,
            identity.boot_id,
            run_id,
            str(socket),
            time.time(),
        )

    def _wait_for_supervisord(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
        while True:
            try:
                self._call("getState")
            except SupervisorCallError as error:
                if not self._running.identity.is_alive() or time.monotonic() > deadline:
                    raise StartError(self._explain("supervisord.out", "did not answer")) from error
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _start_stages(
        self,
        specs: Sequence[ProcessSpec],
        after_stage: Mapping[int, Callable[[], None]],
        progress: Progress,
    ) -> None:
        starting: list[ProcessSpec] = []
        for stage in sorted({*(spec.stage for spec in specs), *after_stage}):
            started = [spec for spec in specs if spec.stage == stage]
            starting += started
            if started:
                progress(f"starting {', '.join(spec.name for spec in started)}")
                self._start_stage(stage)
            if stage in after_stage:
                self._wait_until_ready(starting)
                starting.clear()
                after_stage[stage]()
        self._wait_until_ready(starting)

    def _start_stage(self, stage: int) -> None:
        for result in self._call("startProcessGroup", supervisord.group_name(stage), False):
            # A process that has already ended is started again, and its probe judges it.
            if result["status"] not in (Faults.SUCCESS, Faults.SPAWN_ERROR):
                problem = f"could not be started: {result['description']}"
                raise StartError(self._explain(result["name"], problem))

    def _wait_until_ready(self, specs: Sequence[ProcessSpec]) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
        waiting = list(specs)
        while waiting := [spec for spec in waiting if spec.ready is not None and not spec.ready()]:
            if self._is_stopped_elsewhere():
                raise StoppedError("somebody else stops the system")
            if not self.is_alive():
                raise StartError(self._explain("supervisord.out", "ended"))
            for spec in waiting:
                starts = int(launches.record(self.home, spec.name).get("starts", 0))
                if starts >= _STARTS_BEFORE_GIVING_UP or time.monotonic() > deadline:
                    problem = f"was not ready after {starts} starts"
                    raise StartError(self._explain(spec.name, problem))
            time.sleep(_POLL_SECONDS)

    def _stop_when_up(
        self, members: Sequence[Mapping[str, Any]], progress: Progress = lambda _: None
    ) -> bool:
        """Stop some processes together; kill those that take too long, and return False then."""
        names = [info["name"] for info in members]
        limits = {name: launches.stop_wait_seconds(self.home, name) for name in names}
        began = time.monotonic()
        clean = True
        while True:
            up = [i for i in self._infos() if i["name"] in limits and i["statename"] in _UP]
            if not up:
                return clean
            for info in up:
                # The call is repeated while the process is stoppable. A process that ended by
                # itself just before the call is already being started again.
                if self._hears(info):
                    with contextlib.suppress(SupervisorCallError):  # it ended in between
                        self._call("stopProcess", _full_name(info), False)
                if time.monotonic() - began > limits[info["name"]]:
                    progress(f"{info['name']} did not stop in {limits[info['name']]:g} s: killed")
                    self._kill_tree(info["pid"])
                    clean = False
            time.sleep(_POLL_SECONDS)

    def _hears(self, info: Mapping[str, Any]) -> bool:
        """Tell whether a process would be stopped by its signal now.

        Between fork and exec it is still a copy of supervisord, and a signal would be lost.
        """
        begun = launches.has_begun(self.home, info["name"], info["pid"])
        return begun and info["statename"] in _STOPPABLE

    def _kill_tree(self, pid: int) -> None:
        identity = ProcessIdentity.of(pid) if pid else None
        handle = identity.process() if identity else None
        if handle is not None:
            processes.kill_survivors([handle, *processes.descendants(handle)], 0)

    def _finish(self, run: Run, seen: set[psutil.Process], progress: Progress) -> bool:
        """Make sure that nothing is left; return False if something had to be killed."""
        handle = run.identity.process()
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_SUPERVISORD_STOP_SECONDS)
        elif handle is not None:
            psutil.wait_procs([handle], _SUPERVISORD_STOP_SECONDS)
        left = {*seen, *processes.started_by_run(run.run_id), *([handle] if handle else [])}
        killed = processes.kill_survivors(left, _LEFTOVER_SECONDS)
        if killed:
            progress(f"{len(killed)} processes still run and are killed")
        if self._child is not None:
            self._child.wait()
        run.forget(self.home)
        self._run, self._child = None, None
        return not killed

    def _family(self) -> set[psutil.Process]:
        """Every process below supervisord. It inherits those that lose their parent."""
        handle = self._running.identity.process()
        return set(processes.descendants(handle)) if handle is not None else set()

    def _infos(self) -> list[dict[str, Any]]:
        infos: list[dict[str, Any]] = self._call("getAllProcessInfo")
        return infos

    def _info(self, name: str) -> dict[str, Any]:
        for info in self._infos():
            if info["name"] == name:
                return info
        raise SupervisorCallError(f"no process is called {name!r}")

    def _explain(self, name: str, problem: str) -> str:
        return f"{name} {problem}; its log ends:\n{launches.log_tail(self.home, name)}"

    @property
    def _running(self) -> Run:
        if self._run is None:
            raise NotRunningError(f"no system runs in {self.home.path}")
        return self._run

    def _call(self, method: str, *arguments: Any) -> Any:
        return supervisord.call(Path(self._running.socket), method, *arguments)


def _spawn(home: Home, run_id: str) -> subprocess.Popen[bytes]:
    """Start supervisord in a session of its own, where no terminal's Ctrl-C reaches it."""
    with launches.log_file(home, "supervisord.out").open("ab") as log:
        return subprocess.Popen(
            launches.command(home, "supervisord"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Each process is told its own settings: no secret of ours reaches the others.
            env={**_others(os.environ), PARENT_VARIABLE: str(os.getpid()), RUN_VARIABLE: run_id},
            start_new_session=True,
        )


def _others(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that are none of our settings."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIX)}


def _stage(info: Mapping[str, Any]) -> int:
    return supervisord.stage_of(str(info["group"]))


def _full_name(info: Mapping[str, Any]) -> str:
    return f"{info['group']}:{info['name']}"
