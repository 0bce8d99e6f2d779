"""The processes of a system on one machine, and how each is started."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.decision import signing
from config.celery import with_database
from models.roles import DatabaseLogins
from workers import strategies
from workers.embedded import acl, postgres
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home
from workers.supervision.launches import ProcessSpec
from workers.supervision.ports import LOOPBACK
from workers.supervision.programs.consoles import WEB, flower_process, has_web, web_process
from workers.supervision.programs.logins import DATABASE, logins_of
from workers.supervision.programs.options import Options as Options
from workers.supervision.programs.own import (
    beat_process,
    canaries_process,
    disk_process,
    exporter_process,
    own_processes,
    watchdog_process,
)
from workers.supervision.programs.servers import (
    paper_exchange_process,
    paper_key_files,
    server_processes,
    watchdog_key_files,
)
from workers.supervision.programs.starting import (
    PACKAGES,
    STRATEGIES,
    keyless_settings,
    python_command,
    runtime_environment,
)

DEMO = "demo"
MESSAGE_KEY = "message-key"
"""The name of the home's secret from which its strategies' keys are derived."""
DEMO_STRATEGY = "demo-imbalance"
"""The name under which the demo strategy sends its requests."""
# Nothing listens on this port. It is a part of the socket's name.
_SOCKET_PORT = 5432


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
            self.postgres.create_database(DATABASE)
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
        logins = logins_of(home, database)
    if redis_url is None:
        cache = strategies.server_of(home, [DEMO] if options.demo else [])
        strategies.write_urls(home, cache)
        redis_url = cache.url(user=acl.CONSOLE)
    specs = server_processes(database, cache)
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
        specs.append(paper_exchange_process(home, options, chosen["paper-exchange"]))
        if not options.keys:
            keys, watchdog_keys = paper_key_files(home), watchdog_key_files(home)
    if exchange_url is not None:
        environment["MLRISK_EXCHANGE_URL"] = exchange_url
    if options.recordings is not None:
        environment["MLRISK_RECORDINGS"] = str(options.recordings)
    own = {**options.settings, **environment, **runtime_environment()}
    own["MLRISK_DATABASE_URL"] = logins.application
    specs += own_processes(home, options, own, keys)
    if not options.keys:
        # The console reads the files when a command asks the exchange.
        environment.update(keys)
    broker = {**keyless_settings(options), "MLRISK_REDIS_URL": redis_url, **runtime_environment()}
    beat = {**broker, "MLRISK_DATABASE_URL": logins.audit}
    specs += [beat_process(home, beat), flower_process(home, chosen["flower"], broker)]
    if has_web():
        specs.append(web_process(home, chosen[WEB], {**own, **keys}, logins))
    specs += [disk_process(home, has_redis=cache is not None), canaries_process(home, beat)]
    exporter = {**broker, "MLRISK_DATABASE_URL": logins.exporter}
    specs.append(exporter_process(chosen["exporter"], exporter))
    if watchdog_keys:
        specs.append(watchdog_process(home, options, logins.audit, exchange_url, watchdog_keys))
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


def _with_own_login(spec: ProcessSpec, cache: EmbeddedRedis) -> ProcessSpec:
    """The process with its own user of the embedded Redis."""
    user = acl.USER_OF_PROCESS.get(spec.name)
    if user is None:
        return spec
    return replace(spec, env={**spec.env, "MLRISK_REDIS_URL": cache.url(user=user)})


def _demo_strategy(
    options: Options, memory: Path, exchange_url: str, broker_url: str, message_key: str | None
) -> ProcessSpec:
    """The demo strategy. It is an outsider: it gets the addresses of broker and exchange, the key
    that signs its own requests, a file for what it holds, and nothing else of ours."""
    command = python_command("examples.demo_strategy", "--exchange-url", exchange_url)
    command += ["--memory", str(memory)]
    command += ["--symbols", ",".join(options.symbols), *options.demo_arguments]
    broker = {"MLRISK_DEMO_BROKER_URL": broker_url}
    if message_key is not None:
        broker["MLRISK_DEMO_KEY"] = signing.key_line(message_key, DEMO_STRATEGY)
    return ProcessSpec(
        "demo-strategy",
        command,
        env={**runtime_environment(), **broker},
        stage=STRATEGIES,
        cwd=PACKAGES,
    )
