"""Which processes make up a system."""

from urllib.parse import urlsplit

import pytest

from bot.decision.signing import key_line
from config.celery import WORKERS
from examples.demo_strategy.strategy import NAME
from models.roles import DatabaseLogins
from tests.unit.workers.supervision.programs.built import by_name
from workers.home import Home
from workers.supervision import topology
from workers.supervision.programs.consoles import flower_login
from workers.supervision.programs.starting import PROCESSES, SERVERS, STRATEGIES
from workers.supervision.topology import Options


def _secrets(home: Home) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in home.secrets.iterdir()]


def test_one_machine_has_servers_first_and_strategies_last(home: Home) -> None:
    built = topology.build(home, Options(demo=True))
    stages = {spec.name: spec.stage for spec in built.specs}
    servers = ["postgres", "redis", "paper-exchange"]
    own = ["feed", "safety", "alerting", *WORKERS]
    own += ["beat", "flower", "disk", "canaries", "exporter", "web", "watchdog"]
    assert stages == {
        **dict.fromkeys(servers, SERVERS),
        **dict.fromkeys(own, PROCESSES),
        "demo-strategy": STRATEGIES,
    }
    assert all(by_name(built)[name].ready is not None for name in servers)


def test_servers_of_ones_own_are_used_and_not_started(home: Home) -> None:
    logins = DatabaseLogins.of(
        "postgresql+psycopg://me:pw@db/mlrisk",
        operator="postgresql+psycopg://console:pw@db/mlrisk",
        audit="postgresql+psycopg://beat:pw@db/mlrisk",
        exporter="postgresql+psycopg://exporter:pw@db/mlrisk",
    )
    options = Options(
        paper=False,
        logins=logins,
        redis_url="redis://:pw@cache:6379/0",
    )
    built = topology.build(home, options)
    assert {"postgres", "redis", "paper-exchange"}.isdisjoint(by_name(built))
    assert built.environment["MLRISK_DATABASE_URL"] == logins.operator
    told = {name: spec.env.get("MLRISK_DATABASE_URL") for name, spec in by_name(built).items()}
    assert told["execution"] == told["feed"] == logins.application
    assert told["beat"] == told["canaries"] == logins.audit
    assert told["exporter"] == logins.exporter
    assert told["flower"] is None
    assert built.environment["MLRISK_REDIS_URL"] == options.redis_url
    assert "MLRISK_EXCHANGE_URL" not in built.environment
    assert built.create_database() == logins
    assert "pw" not in repr(options)
    assert "pw" not in repr(built)


def test_no_secret_is_on_a_command_line_or_in_a_representation(home: Home) -> None:
    built = topology.build(home, Options(demo=True))
    # Of servers, Postgres' roles, Flower, links of the browser, the market, the paper account with
    # the watchdog's key, and the demo's own.
    assert len(_secrets(home)) == 17
    for secret in _secrets(home):
        assert not any(secret in word for spec in built.specs for word in spec.command)
        assert secret not in repr(built)


def test_the_markets_key_is_the_homes_own_unless_one_is_given_and_no_outsider_has_it(
    home: Home,
) -> None:
    built = topology.build(home, Options(demo=True))
    specs = by_name(built)
    for name in ("feed", *WORKERS):
        assert specs[name].env["MLRISK_MARKET_KEY"] == home.secret("market-key")
    for name in ("demo-strategy", "paper-exchange", "redis", "postgres"):
        assert home.secret("market-key") not in str(specs[name].env)
    given = topology.build(home, Options(market_key="shared-by-two-machines"))
    assert given.environment["MLRISK_MARKET_KEY"] == "shared-by-two-machines"
    assert "shared-by-two-machines" not in repr(Options(market_key="shared-by-two-machines"))


def test_the_demo_strategy_knows_the_broker_and_the_exchange_and_nothing_else(home: Home) -> None:
    built = topology.build(home, Options(demo=True, symbols=("BTCUSDT",), demo_arguments=("--x",)))
    demo = by_name(built)["demo-strategy"]
    ours = {name for name in demo.env if name.startswith("MLRISK_")}
    assert ours == {"MLRISK_DEMO_BROKER_URL"}
    assert "//strategy-demo:" in demo.env["MLRISK_DEMO_BROKER_URL"]
    assert home.secret("redis-password") not in str(demo.env)
    memory = str(home.paper / "demo-strategy.json")
    assert demo.command[-5:] == ["--memory", memory, "--symbols", "BTCUSDT", "--x"]
    with pytest.raises(ValueError, match="needs the paper exchange"):
        topology.build(home, Options(demo=True, paper=False))


def test_each_kind_of_process_logs_into_redis_as_a_user_of_its_own(home: Home) -> None:
    built = topology.build(home, Options())
    told = {name: spec.env.get("MLRISK_REDIS_URL") for name, spec in by_name(built).items()}
    told["console"] = built.environment["MLRISK_REDIS_URL"]
    logins = {name: urlsplit(url) for name, url in told.items() if url is not None}
    own = {name: name for name in ("console", "feed", "beat", "flower", "canaries", "exporter")}
    assert {name: url.username for name, url in logins.items()} == {
        **own,
        "web": "console",
        **dict.fromkeys(("safety", *WORKERS), "worker"),
    }
    assert len({url.password for url in logins.values()}) == len(own) + 1
    assert not {url.password for url in logins.values()} & set(_secrets(home))


def test_a_home_gives_the_same_system_again(home: Home) -> None:
    first = topology.build(home, Options(demo=True))
    second = topology.build(home, Options(demo=True))
    assert first == second
    assert flower_login(home) == ("mlrisk", home.secret("flower-password"))


def test_the_demo_strategy_signs_where_requests_are_signed(home: Home) -> None:
    plain = topology.build(home, Options(demo=True))
    assert not any("MLRISK_MESSAGE_KEY" in spec.env for spec in plain.specs)
    signed = topology.build(home, Options(demo=True, signed=True))
    master = home.secret(topology.MESSAGE_KEY)
    assert signed.environment["MLRISK_MESSAGE_KEY"] == master
    knowing = {spec.name for spec in signed.specs if master in spec.env.values()}
    assert knowing == {"feed", "web", *WORKERS}
    own = by_name(signed)["demo-strategy"].env["MLRISK_DEMO_KEY"]
    assert own == key_line(master, NAME)
    given = topology.build(home, Options(message_key="shared-by-two-machines"))
    assert given.environment["MLRISK_MESSAGE_KEY"] == "shared-by-two-machines"
    assert "shared-by-two-machines" not in repr(Options(message_key="shared-by-two-machines"))
