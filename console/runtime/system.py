"""Starts and stops a whole system on this machine, for `mlrisk up`, `down` and `demo`."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.state import binding
from config.homes import default_home, environment_file
from config.identity import BYBIT
from config.settings import (
    PREFIX,
    ChildSettings,
    Environment,
    ExchangeMode,
    Settings,
    load_settings,
    settings_for_children,
)
from console.errors import CommandError, ExitCode
from console.runtime.configuring import require_sound_configuration
from console.runtime.databases import database_logins
from models import roles
from models.database import Database
from models.provisioning import provision
from workers.home import Home, HomeInUseError, HomeRefusedError
from workers.supervision import ballast, topology
from workers.supervision.launches import ProcessSpec
from workers.supervision.programs.starting import SERVERS
from workers.supervision.supervisor import (
    NotRunningError,
    StartError,
    Supervisor,
    SupervisorCallError,
)

DEMO_STRATEGY = "demo-strategy"
# `mlrisk down` ends leftover processes after the supervisor's end, then removes its addresses.
_LAST_STEPS_SECONDS = 5.0
_POLL_SECONDS = 0.05
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The options that a person may choose on the command line."""

    demo: bool = True
    market: str | None = None
    detach: bool = False


class System:
    """A running system of one home."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self.settings = settings
        self.supervisor = supervisor

    @property
    def home(self) -> Home:
        """The directory of the system's state."""
        return self.supervisor.home

    def is_alive(self) -> bool:
        """Whether the supervisor of the home is running."""
        return self.supervisor.is_alive()

    def was_stopped(self) -> bool:
        """Whether somebody stopped a supervisor that has ended.

        A stop removes the supervisor's addresses; a crash leaves them where they are.
        """
        with contextlib.suppress(ChildProcessError):
            # The supervisor is our child. Until we wait for it, `mlrisk down` counts it as still
            # there.
            os.waitpid(self.supervisor.pid, os.WNOHANG)
        deadline = time.monotonic() + _LAST_STEPS_SECONDS
        while environment_file(self.home.path).exists():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def stop(self, progress: Progress) -> bool:
        """Stops the system; True when every process ended because it was asked to."""
        return self.supervisor.shutdown(progress)


def start(home_path: Path | None, options: StartOptions, progress: Progress) -> System:
    """Starts everything in order: servers, migrations, then all processes, then the strategy.

    Raises CommandError with a remedy if the home is in use or a process doesn't come up. Then
    everything that was started is stopped again.
    """
    home = _home(home_path)
    chosen = _settings(home)
    require_sound_configuration(chosen)
    supervisor = Supervisor(home)
    built: list[topology.Topology] = []

    def specs() -> list[ProcessSpec]:
        made = topology.build(home, _options(chosen, options))
        made.prepare()
        ballast.hold(home.path)
        built.append(made)
        return made.specs

    def servers_are_up() -> None:
        progress("migrating the database")
        logins = built[0].create_database()
        provision(logins)
        if (warning := roles.warning(logins.application)) is not None:
            progress(warning)
        _refuse_anothers(logins.application, chosen)
        home.write_environment(built[0].environment)

    try:
        supervisor.start(
            specs,
            after_stage={SERVERS: servers_are_up},
            progress=progress,
            tied=not options.detach,
        )
    except HomeInUseError as error:
        raise CommandError(f"{error} (`mlrisk down`)", ExitCode.USAGE) from error
    except HomeRefusedError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    except StartError as error:
        raise CommandError(str(error), ExitCode.DEPENDENCY_DOWN) from error
    return System(load_settings(home.path), supervisor)


def _home(path: Path | None) -> Home:
    """The home to start in, before anything in it is read or changed."""
    # Without a path from the command line: $MLRISK_HOME, then the default.
    try:
        home = Home(path or default_home())
        home.check()
    except (HomeRefusedError, ValueError) as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    return home


def _refuse_anothers(database_url: str, settings: Settings) -> None:
    """Refuses another system's database once and here, so that not every process ends with that
    error."""
    db = Database(database_url, pool_size=1)
    try:
        bound = binding.settled(db, settings)
        # The processes were already chosen by these two values, so unset ones are compared as well.
        binding.check_settings(
            db,
            bound.model_copy(
                update={
                    "exchange_mode": settings.exchange_mode,
                    "environment": settings.environment,
                }
            ),
        )
    except binding.WrongIdentity as error:
        raise CommandError(error.message, ExitCode.USAGE) from error
    finally:
        db.dispose()


def attach(settings: Settings) -> System:
    """The system that runs in the settings' home; CommandError when there is none."""
    return System(settings, supervisor_of(settings.home))


def supervisor_of(home: Path | None) -> Supervisor:
    """As `attach`, without the system's settings, which may be damaged."""
    try:
        return Supervisor.attach(Home(home or default_home()))
    except NotRunningError as error:
        raise CommandError(str(error), ExitCode.DEPENDENCY_DOWN) from error


def memory_by_process(system: System) -> dict[str, float]:
    """Each process's memory in 10^6 bytes, with shared pages counted once; empty when the
    supervisor doesn't answer."""
    try:
        return {status.name: status.memory_mb for status in system.supervisor.status()}
    except SupervisorCallError:
        return {}


def _settings(home: Home) -> Settings:
    """The settings without the addresses that a crash left behind, because those mean nothing."""
    try:
        Supervisor.attach(home)
    except NotRunningError:
        home.clear_environment()
    return load_settings(home.path)


def _options(settings: Settings, options: StartOptions) -> topology.Options:
    paper = settings.exchange_mode is ExchangeMode.PAPER
    if options.demo and not paper:
        raise CommandError(
            f"the demo strategy trades on paper only, and {PREFIX}EXCHANGE_MODE is "
            f"{settings.exchange_mode}: start with --no-demo",
            ExitCode.USAGE,
        )
    given = settings_for_children()
    return topology.Options(
        paper=paper,
        demo=options.demo,
        logins=database_logins(settings),
        redis_url=_revealed(settings.redis_url),
        market_key=_revealed(settings.market_key),
        message_key=_revealed(settings.message_key),
        signed=settings.environment is Environment.PRODUCTION,
        exchange_url=settings.exchange_url or (settings.paper_url if paper else None),
        symbols=settings.symbol_list,
        recordings=settings.recordings,
        settings=given.shared,
        keys=given.keys,
        watchdog_keys=_watchdog_keys(settings, given),
        alert_channels=given.alerting,
        paper_arguments=("--market", options.market) if options.market else (),
    )


def _watchdog_keys(settings: Settings, given: ChildSettings) -> dict[str, str]:
    """The watchdog's own keys. Real money does not start without them, nor with the system's."""
    keys = given.watchdog
    if not keys and settings.exchange_mode is ExchangeMode.LIVE and settings.exchange == BYBIT:
        raise CommandError(
            f"{PREFIX}WATCHDOG_API_KEY and {PREFIX}WATCHDOG_API_SECRET (or their _FILE) are not "
            "set: with real money the watchdog runs, by a key of its own",
            ExitCode.USAGE,
        )
    own = given.keys.items()
    if any((name.replace("WATCHDOG_", ""), value) in own for name, value in keys.items()):
        raise CommandError(
            "the watchdog has the system's own key: give it another key of the account",
            ExitCode.USAGE,
        )
    return keys


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
