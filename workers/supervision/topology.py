"""The processes of a system on one machine, and how each is started."""

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import make_url

from bot.decision import signing
from config.celery import HOLD_KEYS, WORKERS, with_database
from config.identity import PAPER_ACCOUNT
from config.private_files import write_private
from config.settings import PREFIX, KeylessSettings
from models.roles import DatabaseLogins
from models.transparency.submission import AUDIT_LOG, AUDIT_WITNESS
from workers import strategies
from workers.embedded import acl, postgres, redis
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec
from workers.supervision.ports import LOOPBACK
from workers.watchdog.settings import WatchdogSettings

SERVERS = 0
"""The stage of the servers that everything else needs; migrations run when it is ready."""
PROCESSES = 1
STRATEGIES = 2
"""The last stage. Strategies stop first, so that they ask nothing of a system that is stopping."""

DEMO = "demo"
MESSAGE_KEY = "message-key"
"""The name of the home's secret from which its strategies' keys are derived."""
DEMO_STRATEGY = "demo-imbalance"
"""The name under which the demo strategy sends its requests."""
FLOWER_USER = "mlrisk"
WEB = "web"
"""The browser console: its process, and its port's name in the home."""
WEB_LINK_KEY = "web-link-key"
"""The home's secret of one-time links to the browser console."""
JOURNAL = "journal.jsonl"
WATCHDOG_JOURNAL = "watchdog.jsonl"
"""The file in the home in which the watchdog tells its acts."""
_DATABASE = "mlrisk"
_PAPER_KEY, _PAPER_SECRET = "paper-api-key", "paper-api-secret"
# A second key of the same account, for the watchdog alone.
_WATCHDOG_KEY, _WATCHDOG_SECRET = "watchdog-api-key", "watchdog-api-secret"
# Nothing listens on this port. It is a part of the socket's name.
_SOCKET_PORT = 5432
# The embedded server's roles by their purpose. Each has a password of its own in the home.
_ROLES = {
    "owner": "mlrisk_owner",
    "application": "mlrisk_app",
    "operator": "mlrisk_operator",
    "audit": "mlrisk_audit",
    "exporter": "mlrisk_exporter",
    "viewer": "mlrisk_viewer",
}
# The application of processes that only pass messages on and know no keys.
_BROKER_APP = "workers.celery.broker"
# `python -m` finds our packages in the working directory, installed or not.
_PACKAGES = Path(__file__).resolve().parents[2]
_PROBE_SECONDS = 1.0
_WEB_PACKAGES = ("fastapi", "jinja2", "python_multipart", "sse_starlette", "uvicorn")


@dataclass(frozen=True)
class Options:
    """A person's choices about a system. A server with a given address is not started here."""

    paper: bool = True
    demo: bool = False
    logins: DatabaseLogins | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    market_key: str | None = field(default=None, repr=False)
    """Default: drawn by the home."""
    message_key: str | None = field(default=None, repr=False)
    signed: bool = False
    """Whether requests need their strategy's signature. The home then draws the message key if none
    is given. With a given key, requests need a signature in any case."""
    exchange_url: str | None = None
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
    recordings: Path | None = None
    paper_arguments: tuple[str, ...] = ()
    demo_arguments: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further settings of our own processes. The `keys` below go only to the processes that need
    them."""
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    watchdog_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The watchdog's own keys of the exchange. The home draws those of its paper exchange. Without
    any the watchdog is not started."""
    alert_channels: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The channels of alerts, only for the process that uses them."""
    concurrency: Mapping[str, int] = field(
        # A flattening goes on while the steps of a halt hang.
        default_factory=lambda: {"validation": 2, "execution": 4, "emergency": 2}
    )
    """The number of child processes by worker. Default: one."""


@dataclass(frozen=True)
class Topology:
    """A system's servers, the settings of its processes, and the processes in order."""

    postgres: EmbeddedPostgres | None
    redis: EmbeddedRedis | None
    environment: dict[str, str] = field(repr=False)
    """The console's settings, for the home's file. They name the files of the exchange's keys, not
    the keys."""
    specs: list[ProcessSpec]
    logins: DatabaseLogins = field(repr=False)

    def prepare(self) -> None:
        """Create the files that the embedded servers need before their first start."""
        if self.postgres is not None:
            self.postgres.prepare()
        if self.redis is not None:
            self.redis.prepare()

    def create_database(self) -> DatabaseLogins:
        """Create the embedded server's database, if there is one; return the logins."""
        if self.postgres is not None:
            self.postgres.create_database(_DATABASE)
        return self.logins


def build(home: Home, options: Options) -> Topology:
    """Choose ports and secrets, and describe every process. The home must not be running."""
    chosen = home.ports(["redis", "paper-exchange", "flower", "exporter", WEB])
    database = cache = None
    logins, redis_url, exchange_url = options.logins, options.redis_url, options.exchange_url
    if logins is None:
        password = home.secret("postgres-password")
        sockets = postgres.socket_directory(home.postgres, home.run / "postgres-socket")
        database = EmbeddedPostgres(home.postgres, _SOCKET_PORT, password, sockets=sockets)
        logins = _logins(home, database)
    if redis_url is None:
        cache = strategies.server_of(home, [DEMO] if options.demo else [])
        strategies.write_urls(home, cache)
        redis_url = cache.url(user=acl.CONSOLE)
    specs = _servers(database, cache)
    keys, watchdog_keys = options.keys, options.watchdog_keys
    environment = {
        "MLRISK_HOME": str(home.path),
        "MLRISK_DATABASE_URL": logins.operator,
        "MLRISK_REDIS_URL": redis_url,
        "MLRISK_MARKET_KEY": options.market_key or home.secret("market-key"),
        "MLRISK_SYMBOLS": ",".join(options.symbols),
    }
    message_key = options.message_key or (home.secret(MESSAGE_KEY) if options.signed else None)
    if message_key is not None:
        environment["MLRISK_MESSAGE_KEY"] = message_key
    if options.paper and exchange_url is None:
        exchange_url = f"http://{LOOPBACK}:{chosen['paper-exchange']}"
        specs.append(_paper_exchange(home, options, chosen["paper-exchange"]))
        if not options.keys:
            keys, watchdog_keys = _paper_keys(home), _watchdog_keys(home)
    if exchange_url is not None:
        environment["MLRISK_EXCHANGE_URL"] = exchange_url
    if options.recordings is not None:
        environment["MLRISK_RECORDINGS"] = str(options.recordings)
    own = {**options.settings, **environment, **_runtime()}
    own["MLRISK_DATABASE_URL"] = logins.application
    specs += _own_processes(home, options, own, keys)
    if not options.keys:
        # The console reads the files when a command asks the exchange.
        environment.update(keys)
    broker = {**_keyless(options), "MLRISK_REDIS_URL": redis_url, **_runtime()}
    beat = {**broker, "MLRISK_DATABASE_URL": logins.audit}
    specs += [_beat(home, beat), _flower(home, chosen["flower"], broker)]
    if has_web():
        specs.append(_web(home, chosen[WEB], {**own, **keys}, logins))
    specs += [_disk(home, has_redis=cache is not None), _canaries(home, beat)]
    exporter = {**broker, "MLRISK_DATABASE_URL": logins.exporter}
    specs.append(_exporter(chosen["exporter"], exporter))
    if watchdog_keys:
        specs.append(_watchdog(home, options, logins.audit, exchange_url, watchdog_keys))
    if options.demo:
        if exchange_url is None:
            raise ValueError("the demo strategy needs the paper exchange or an exchange URL")
        outsiders = with_database(redis_url, 0) if cache is None else cache.strategy_url(DEMO)
        # It forgets what it holds when the paper exchange does.
        memory = home.paper / "demo-strategy.json"
        specs.append(_demo_strategy(options, memory, exchange_url, outsiders, message_key))
    if cache is not None:
        specs = [_with_own_login(spec, cache) for spec in specs]
    return Topology(database, cache, environment, specs, logins)


def flower_login(home: Home) -> tuple[str, str]:
    """Return user and password of the home's Flower."""
    return FLOWER_USER, home.secret("flower-password")


def _logins(home: Home, database: EmbeddedPostgres) -> DatabaseLogins:
    """The logins of the embedded server. The superuser makes the others at each start; no process
    gets its password."""
    urls = {
        purpose: database.url(_DATABASE, role, home.secret(_password(purpose)))
        for purpose, role in _ROLES.items()
    }
    return DatabaseLogins(**urls, bootstrap=database.url(_DATABASE))


def owner_address(home: Home, address: str) -> str | None:
    """The address of the embedded server with the role that owns the tables, by another role's
    address; None where the server is not this home's."""
    login = make_url(address)
    if login.username not in _ROLES.values() or not (home.secrets / _password("owner")).exists():
        return None
    found = login.set(username=_ROLES["owner"], password=home.secret(_password("owner")))
    return found.render_as_string(hide_password=False)


def _password(purpose: str) -> str:
    """The name of the secret of a role of the embedded server."""
    return f"postgres-{purpose}-password"


def _with_own_login(spec: ProcessSpec, cache: EmbeddedRedis) -> ProcessSpec:
    """The process with its own user of the embedded Redis."""
    user = acl.USER_OF_PROCESS.get(spec.name)
    if user is None:
        return spec
    return replace(spec, env={**spec.env, "MLRISK_REDIS_URL": cache.url(user=user)})


def _servers(database: EmbeddedPostgres | None, cache: EmbeddedRedis | None) -> list[ProcessSpec]:
    specs = []
    if database is not None:
        specs.append(
            ProcessSpec(
                "postgres",
                database.command(),
                stop_signal=postgres.STOP_SIGNAL,
                stage=SERVERS,
                ready=database.is_ready,
            )
        )
    if cache is not None:
        specs.append(
            ProcessSpec(
                "redis",
                cache.command(),
                stop_signal=redis.STOP_SIGNAL,
                stage=SERVERS,
                ready=cache.is_ready,
            )
        )
    return specs


def _paper_keys(home: Home) -> dict[str, str]:
    """The files of the home's own keys. They are drawn once and left where the home's paper
    exchange reads them. With published keys every user of the machine could trade in the
    account."""
    key, secret = home.secret(_PAPER_KEY), home.secret(_PAPER_SECRET)
    watchdog = {"key": home.secret(_WATCHDOG_KEY), "secret": home.secret(_WATCHDOG_SECRET)}
    account = {"uid": PAPER_ACCOUNT, "keys": [{"key": key, "secret": secret}, watchdog]}
    write_private(accounts_file(home), json.dumps([account]))
    return {
        "MLRISK_API_KEY_FILE": str(home.secrets / _PAPER_KEY),
        "MLRISK_API_SECRET_FILE": str(home.secrets / _PAPER_SECRET),
    }


def _watchdog_keys(home: Home) -> dict[str, str]:
    """The files of the watchdog's own key of the home's paper exchange."""
    return {
        "MLRISK_WATCHDOG_API_KEY_FILE": str(home.secrets / _WATCHDOG_KEY),
        "MLRISK_WATCHDOG_API_SECRET_FILE": str(home.secrets / _WATCHDOG_SECRET),
    }


def accounts_file(home: Home) -> Path:
    """The paper exchange's accounts, as JSON, which is YAML as well."""
    return home.paper / "accounts.json"


def _paper_exchange(home: Home, options: Options, port: int) -> ProcessSpec:
    command = _python("paper_exchange.main", "--port", str(port), "--market", "auto", "--strict")
    command += ["--symbols", ",".join(options.symbols), "--state-dir", str(home.paper)]
    command += ["--journal", str(home.paper / JOURNAL)]
    if not options.keys:
        command += ["--accounts", str(accounts_file(home))]
    command += options.paper_arguments
    environment = _runtime()
    if options.recordings is not None:
        environment["MLRISK_RECORDINGS"] = str(options.recordings)
    return ProcessSpec(
        "paper-exchange",
        command,
        env=environment,
        stage=SERVERS,
        cwd=_PACKAGES,
        ready=partial(_answers, port, "/v5/market/time"),
    )


def _own_processes(
    home: Home, options: Options, environment: dict[str, str], keys: Mapping[str, str]
) -> list[ProcessSpec]:
    holder = {**environment, **keys}
    keyless = {**environment, "MLRISK_HOLDS_KEYS": "false"}
    # The safety process reads no request: it needs no key of strategies' signatures.
    safety = _without(keyless, "MESSAGE_KEY")
    # Alerting needs Postgres alone, and has the channels' addresses.
    alerting = _without(keyless, "MESSAGE_KEY", "MARKET_KEY", "REDIS_URL")
    alerting |= options.alert_channels
    specs = [
        _preloaded(home, "feed", _python("workers.feeds.feed"), holder),
        _preloaded(home, "safety", _python("workers.safety"), safety),
        _preloaded(home, "alerting", _python("workers.alerting.main"), alerting),
    ]
    for name, queues in WORKERS.items():
        command = _celery("worker", "--queues", ",".join(queues), "--hostname", f"{name}@%h")
        command += ["--concurrency", str(options.concurrency.get(name, 1))]
        # A task waits in Redis, where any free child finds it, not in a busy child's pipe.
        command += ["--prefetch-multiplier", "1", "-O", "fair"]
        # Flower reads the events; gossip and mingle only slow the start.
        command += ["--task-events", "--without-gossip", "--without-mingle"]
        specs.append(_preloaded(home, name, command, holder if name in HOLD_KEYS else keyless))
    return specs


def _without(environment: Mapping[str, str], *settings: str) -> dict[str, str]:
    """The environment without settings that a process does not need."""
    needless = {f"{PREFIX}{name}" for name in settings}
    return {name: value for name, value in environment.items() if name not in needless}


def _preloaded(
    home: Home, name: str, command: list[str], environment: dict[str, str]
) -> ProcessSpec:
    """A process of ours that announces itself (`workers.supervision.readiness`). While it is
    starting it may be deaf to a signal to stop."""
    return ProcessSpec(
        name,
        command,
        env=environment,
        stage=PROCESSES,
        cwd=_PACKAGES,
        preloaded=True,
        ready=partial(launches.announced, home, name),
    )


def _beat(home: Home, environment: dict[str, str]) -> ProcessSpec:
    # A pid file would keep beat from starting again after `kill -9`.
    arguments = ("--scheduler", "workers.celery.beat.CleanedScheduler", "--pidfile=")
    return _preloaded(home, "beat", _celery("beat", *arguments, app=_BROKER_APP), environment)


def _disk(home: Home, *, has_redis: bool) -> ProcessSpec:
    """The disk watcher. It reads the password of Redis' administrator from the home itself."""
    arguments = [str(home.path), *(["--redis"] if has_redis else [])]
    command = _python("workers.supervision.disk", *arguments)
    return _preloaded(home, "disk", command, _runtime())


def _canaries(home: Home, environment: dict[str, str]) -> ProcessSpec:
    """The watch over workers. As beat, it appends to the audit and holds no keys."""
    command = _python("workers.supervision.canaries", str(home.path))
    return _preloaded(home, "canaries", command, environment)


def _exporter(port: int, environment: dict[str, str]) -> ProcessSpec:
    """The exporter. It reads by roles of its own, and holds no keys."""
    return ProcessSpec(
        "exporter",
        _python("workers.exporter.main", "--port", str(port)),
        env=environment,
        stage=PROCESSES,
        cwd=_PACKAGES,
        preloaded=True,
        ready=partial(_answers, port, "/healthz"),
    )


def _watchdog(
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
    environment |= {"MLRISK_DATABASE_URL": database_url, **keys, **_runtime()}
    if exchange_url is not None:
        environment["MLRISK_EXCHANGE_URL"] = exchange_url
    return ProcessSpec(
        "watchdog",
        _python(
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
        cwd=_PACKAGES,
        ready=partial(launches.announced, home, "watchdog"),
    )


def _keyless(options: Options) -> dict[str, str]:
    """The further settings that a process without keys knows."""
    known = {f"{PREFIX}{name.upper()}" for name in KeylessSettings.model_fields}
    return {name: value for name, value in options.settings.items() if name in known}


def _flower(home: Home, port: int, environment: dict[str, str]) -> ProcessSpec:
    user, password = flower_login(home)
    return ProcessSpec(
        "flower",
        _celery("flower", f"--address={LOOPBACK}", f"--port={port}", app=_BROKER_APP),
        # Not on the command line, where every user of the machine could read it.
        env={**environment, "FLOWER_BASIC_AUTH": f"{user}:{password}"},
        stage=PROCESSES,
        cwd=_PACKAGES,
        ready=partial(_answers, port, "/healthcheck"),
    )


def has_web() -> bool:
    """Whether the packages of the extra `web` are installed."""
    return all(find_spec(name) is not None for name in _WEB_PACKAGES)


def _web(home: Home, port: int, environment: dict[str, str], logins: DatabaseLogins) -> ProcessSpec:
    """The browser console and the REST interface. It shows by a role that reads alone, acts as the
    commands do, and verifies the signatures of submitted requests."""
    home.secret(WEB_LINK_KEY)
    environment = {
        **environment,
        "MLRISK_DATABASE_URL": logins.of_viewer,
        "MLRISK_OPERATOR_DATABASE_URL": logins.operator,
    }
    return ProcessSpec(
        WEB,
        _python("console.web.main", "--port", str(port)),
        env=environment,
        stage=PROCESSES,
        cwd=_PACKAGES,
        ready=partial(_answers, port, "/healthz"),
    )


def _demo_strategy(
    options: Options, memory: Path, exchange_url: str, broker_url: str, message_key: str | None
) -> ProcessSpec:
    """The demo strategy. It is an outsider: it gets the addresses of broker and exchange, the key
    that signs its own requests, a file for what it holds, and nothing else of ours."""
    command = _python("examples.demo_strategy", "--exchange-url", exchange_url)
    command += ["--memory", str(memory)]
    command += ["--symbols", ",".join(options.symbols), *options.demo_arguments]
    broker = {"MLRISK_DEMO_BROKER_URL": broker_url}
    if message_key is not None:
        broker["MLRISK_DEMO_KEY"] = signing.key_line(message_key, DEMO_STRATEGY)
    return ProcessSpec(
        "demo-strategy",
        command,
        env={**_runtime(), **broker},
        stage=STRATEGIES,
        cwd=_PACKAGES,
    )


def _runtime() -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",
        # A proxy for the internet must not be asked for this machine's own servers.
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        # Small matrices gain nothing from threads, and a dozen processes would each start them.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _celery(command: str, *arguments: str, app: str = "workers.celery.app") -> list[str]:
    return _python("celery", "-A", app, command, "--loglevel", "INFO", *arguments)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
