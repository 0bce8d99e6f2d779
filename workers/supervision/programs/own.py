"""The processes that trade, watch and measure."""

from collections.abc import Mapping
from functools import partial

from config.celery import HOLD_KEYS, WORKERS
from config.settings import PREFIX
from models.transparency.submission import AUDIT_LOG, AUDIT_WITNESS
from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec
from workers.supervision.programs.options import Options
from workers.supervision.programs.starting import (
    BROKER_APP,
    PACKAGES,
    PROCESSES,
    answers,
    celery_command,
    preloaded_process,
    python_command,
    runtime_environment,
)
from workers.watchdog.settings import WatchdogSettings

WATCHDOG_JOURNAL = "watchdog.jsonl"
"""The file in the home in which the watchdog tells its acts."""


def own_processes(
    home: Home, options: Options, environment: dict[str, str], keys: Mapping[str, str]
) -> list[ProcessSpec]:
    """The feed, the safety process, alerting and the workers, each with the keys that it needs."""
    holder = {**environment, **keys}
    keyless = {**environment, "MLRISK_HOLDS_KEYS": "false"}
    # The safety process reads no request: it needs no key of strategies' signatures.
    safety = _without(keyless, "MESSAGE_KEY")
    # Alerting needs Postgres alone, and has the channels' addresses.
    alerting = _without(keyless, "MESSAGE_KEY", "MARKET_KEY", "REDIS_URL")
    alerting |= options.alert_channels
    specs = [
        preloaded_process(home, "feed", python_command("workers.feeds.feed"), holder),
        preloaded_process(home, "safety", python_command("workers.safety"), safety),
        preloaded_process(home, "alerting", python_command("workers.alerting.main"), alerting),
    ]
    for name, queues in WORKERS.items():
        command = celery_command("worker", "--queues", ",".join(queues), "--hostname", f"{name}@%h")
        command += ["--concurrency", str(options.concurrency.get(name, 1))]
        # A task waits in Redis, where any free child finds it, not in a busy child's pipe.
        command += ["--prefetch-multiplier", "1", "-O", "fair"]
        # Flower reads the events; gossip and mingle only slow the start.
        command += ["--task-events", "--without-gossip", "--without-mingle"]
        specs.append(
            preloaded_process(home, name, command, holder if name in HOLD_KEYS else keyless)
        )
    return specs


def _without(environment: Mapping[str, str], *settings: str) -> dict[str, str]:
    """The environment without settings that a process does not need."""
    needless = {f"{PREFIX}{name}" for name in settings}
    return {name: value for name, value in environment.items() if name not in needless}


def beat_process(home: Home, environment: dict[str, str]) -> ProcessSpec:
    """Celery's beat, which knows no keys."""
    # A pid file would keep beat from starting again after `kill -9`.
    arguments = ("--scheduler", "workers.celery.beat.CleanedScheduler", "--pidfile=")
    return preloaded_process(
        home, "beat", celery_command("beat", *arguments, app=BROKER_APP), environment
    )


def disk_process(home: Home, *, has_redis: bool) -> ProcessSpec:
    """The disk watcher. It reads the password of Redis' administrator from the home itself."""
    arguments = [str(home.path), *(["--redis"] if has_redis else [])]
    command = python_command("workers.supervision.disk", *arguments)
    return preloaded_process(home, "disk", command, runtime_environment())


def canaries_process(home: Home, environment: dict[str, str]) -> ProcessSpec:
    """The watch over workers. As beat, it appends to the audit and holds no keys."""
    command = python_command("workers.supervision.canaries", str(home.path))
    return preloaded_process(home, "canaries", command, environment)


def exporter_process(port: int, environment: dict[str, str]) -> ProcessSpec:
    """The exporter. It reads by roles of its own, and holds no keys."""
    return ProcessSpec(
        "exporter",
        python_command("workers.exporter.main", "--port", str(port)),
        env=environment,
        stage=PROCESSES,
        cwd=PACKAGES,
        preloaded=True,
        ready=partial(answers, port, "/healthz"),
    )


def watchdog_process(
    home: Home,
    options: Options,
    database_url: str,
    exchange_url: str | None,
    keys: Mapping[str, str],
) -> ProcessSpec:
    """The watchdog. It appends to the audit as beat does, and holds a key of its own."""
    environment = {
        name: value
        for name, value in options.settings.items()
        if name in {f"{PREFIX}{field.upper()}" for field in WatchdogSettings.model_fields}
    }
    environment |= {"MLRISK_DATABASE_URL": database_url, **keys, **runtime_environment()}
    if exchange_url is not None:
        environment["MLRISK_EXCHANGE_URL"] = exchange_url
    return ProcessSpec(
        "watchdog",
        python_command(
            "workers.watchdog.main",
            str(home.path / WATCHDOG_JOURNAL),
            *("--log", options.settings.get("MLRISK_AUDIT_LOG") or str(home.path / AUDIT_LOG)),
            *(
                "--witness",
                options.settings.get("MLRISK_AUDIT_WITNESS") or str(home.path / AUDIT_WITNESS),
            ),
        ),
        env=environment,
        # It starts and stops with the processes that it watches.
        stage=PROCESSES,
        cwd=PACKAGES,
        ready=partial(launches.announced, home, "watchdog"),
    )
