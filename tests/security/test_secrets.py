"""Keys and passwords: who gets them, and that no error, file or message shows them."""

import os
import secrets
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from celery import Celery
from psycopg import sql
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP

from bot.errors import Refused
from config.celery import HOLD_KEYS, WORKERS, celery_settings
from config.identity import PAPER_KEY, PAPER_SECRET
from config.settings import Settings, settings_for_children
from console.cli import run
from models.database import Database
from paper_exchange.testing import PaperExchangeProcess
from tests.support.services import PostgresServer
from tests.support.waiting import eventually
from workers.embedded.redis import EmbeddedRedis, RedisError
from workers.home import Home
from workers.supervision import topology
from workers.supervision.launches import ProcessSpec
from workers.supervision.ports import free_port
from workers.supervision.supervisor import Supervisor
from workers.supervision.topology import Options

ROOT = Path(__file__).parents[2]
AWKWARD = "p@ss/w:rd%?#x"
OURS = {"MLRISK_ENVIRONMENT": "production", "MLRISK_LOG_FORMAT": "json"}
KEYS = {"MLRISK_API_KEY": "exchange-key", "MLRISK_API_SECRET": "exchange-secret"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


def test_only_processes_that_ask_the_exchange_have_its_keys(home: Home) -> None:
    built = topology.build(home, Options(demo=True, settings=OURS, keys=KEYS))
    having = {spec.name for spec in built.specs if KEYS.items() <= spec.env.items()}
    # The console's button cancels at the exchange by itself, as `mlrisk halt` does.
    assert having == {"feed", "web", *HOLD_KEYS}
    keyless = {spec.name for spec in built.specs if spec.env.get("MLRISK_HOLDS_KEYS") == "false"}
    assert set(WORKERS) - HOLD_KEYS == {"validation", "dispatch", "reporting"}
    assert keyless == {*(set(WORKERS) - HOLD_KEYS), "safety", "alerting"}
    assert built.logins.bootstrap is not None
    assert built.logins.owner not in built.environment.values()
    for spec in built.specs:
        # The console acts by the operators' role, as the command line does.
        acting = () if spec.name == "web" else ("-operator",)
        for purpose in ("", "-owner", *acting):
            assert home.secret(f"postgres{purpose}-password") not in str(spec.env), purpose
        if spec.name not in having:
            assert not set(KEYS.values()) & set(spec.env.values())
        if spec.name not in {"feed", "safety", "alerting", *WORKERS}:
            assert home.secret("postgres-application-password") not in str(spec.env)
    environments = {spec.name: spec.env for spec in built.specs}
    assert environments["beat"]["MLRISK_LOG_FORMAT"] == "json"
    for name in ("postgres", "redis", "paper-exchange"):
        assert not [key for key in environments[name] if key.startswith("MLRISK_")]
    assert "exchange-secret" not in repr(built)
    assert "exchange-secret" not in repr(Options(keys=KEYS))


def test_what_children_are_told_has_keys_only_when_they_need_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {**OURS, **KEYS, "MLRISK_REDIS_URL_FILE": "/x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLRISK_API_KEY_FILE", "/run/secrets/key")
    given = settings_for_children()
    assert OURS.items() <= given.shared.items()
    assert not [name for name in given.shared if "_API_" in name]
    assert set(given.keys) == {*KEYS, "MLRISK_API_KEY_FILE"}
    assert "MLRISK_REDIS_URL_FILE" not in given.shared


@pytest.mark.services
def test_a_process_inherits_no_setting_of_ours_and_leaves_no_core(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    told = tmp_path / "told"
    code = (
        "import os, pathlib, resource, sys, time\n"
        "ours = sorted(name for name in os.environ if name.startswith('MLRISK_'))\n"
        "limits = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "path.with_suffix('.new').write_text(f'{ours} {limits}')\n"
        "path.with_suffix('.new').rename(path)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(told)]
    supervisor = Supervisor(home)
    supervisor.start([ProcessSpec("tells", command, env={"MLRISK_TEST_X": "1"})])
    try:
        eventually(told.exists, "the process")
        assert told.read_text() == "['MLRISK_TEST_X'] (0, 0)"
    finally:
        assert supervisor.shutdown()


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe"])
def test_an_empty_or_damaged_secret_starts_nothing(
    home: Home, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen: an empty file started Redis without a password."""
    (home.secrets / "redis-password").write_bytes(content)
    with pytest.raises(Refused, match="redis-password"):
        topology.build(home, Options())
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MLRISK_")]:
            patch.delenv(name)
        assert run(["--home", str(home.path), "up", "--no-demo"]) != 0
    error = capsys.readouterr().err
    assert "redis-password" in error.splitlines()[-1]
    assert (home.secrets / "redis-password").read_bytes() == content


def test_redis_is_not_prepared_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(RedisError, match="without a password"):
        EmbeddedRedis(tmp_path, 1, "", "word").prepare()
    with pytest.raises(RedisError, match="without a password"):
        EmbeddedRedis(tmp_path, 1, "word", "").prepare()
    with pytest.raises(RedisError, match="without a password"):
        EmbeddedRedis(tmp_path, 1, "word", "word", {"one": ""}).prepare()


@pytest.mark.parametrize("verb", ["status", "requests", "doctor"])
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://me:{AWKWARD}@127.0.0.1:1/mlrisk",
        f"postgresql+psycopg://me:{AWKWARD}",
        f"{AWKWARD}",
    ],
)
def test_no_error_shows_a_part_of_a_password(
    verb: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Seen: what stands behind an @ was taken for the host, and named as not found."""
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    assert run([verb]) != 0
    shown = capsys.readouterr()
    for part in ("p@ss", "ss/w", "w:rd", "rd%"):
        assert part not in shown.out + shown.err


@pytest.mark.parametrize("verb", ["status", "doctor", "submit", "whatif"])
@pytest.mark.parametrize(
    "url",
    [f"redis://worker:{AWKWARD}@127.0.0.1:1/0", f"redis://worker:{AWKWARD}", f"redis:{AWKWARD}"],
)
def test_no_error_shows_a_part_of_a_password_of_redis(
    verb: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_REDIS_URL", url)
    monkeypatch.setenv("MLRISK_DATABASE_URL", "postgresql+psycopg://nobody:x@127.0.0.1:1/none")
    request = tmp_path / "request.json"
    request.write_text("{}", encoding="utf-8")
    assert run([verb, *([str(request)] if verb in ("submit", "whatif") else [])]) != 0
    shown = capsys.readouterr()
    for part in ("p@ss", "ss/w", "w:rd", "rd%"):
        assert part not in shown.out + shown.err


@pytest.mark.services
def test_a_password_of_any_characters_works_as_it_is_written(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    role = f"awkward_{secrets.token_hex(4)}"
    at = urlsplit(postgres.create_database(role))
    with psycopg.connect(at._replace(scheme="postgresql").geturl(), autocommit=True) as owner:
        statement = "create role {} login password {}"
        owner.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(AWKWARD)))
    database_url = f"postgresql+psycopg://{role}:{AWKWARD}@127.0.0.1:{at.port}/{role}"
    settings = Settings(database_url=database_url)  # type: ignore[arg-type]
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        db.ping()
    finally:
        db.dispose()


@pytest.fixture
def awkward_redis(tmp_path: Path) -> EmbeddedRedis:
    return EmbeddedRedis(tmp_path / "redis", free_port(), AWKWARD, AWKWARD)


@pytest.mark.services
def test_a_real_worker_tells_nobody_the_password_of_redis(
    tmp_path: Path, awkward_redis: EmbeddedRedis
) -> None:
    """Seen: `inspect conf`, and Flower with it, showed RedBeat's URL."""
    awkward_redis.prepare()
    raw = f"redis://mlrisk:{AWKWARD}@127.0.0.1:{awkward_redis.port}/0"
    url = Settings(redis_url=raw).require_redis_url()  # type: ignore[arg-type]
    server = subprocess.Popen(awkward_redis.command(), stdout=subprocess.DEVNULL)
    worker = None
    client = Celery(set_as_current=False)
    client.conf.update(celery_settings(url))
    try:
        eventually(awkward_redis.is_ready, "Redis")
        others = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "workers.celery.broker", "worker", "-P", "solo"],
            cwd=ROOT,
            env={**others, "MLRISK_REDIS_URL": raw},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        told = eventually(lambda: client.control.inspect(timeout=1.0).conf(), "the worker")
        (settings,) = told.values()
        assert settings["redbeat_redis_url"] == f"redis://127.0.0.1:{awkward_redis.port}/2"
        assert AWKWARD not in str(told)
        assert awkward_redis.url().split("@")[0].removeprefix("redis://mlrisk:") not in str(told)
    finally:
        client.close()
        for process in (worker, server):
            if process is not None:
                process.terminate()
                process.wait(30)


@pytest.mark.services
def test_a_systems_paper_exchange_takes_its_homes_own_keys_and_no_published_ones(
    home: Home,
) -> None:
    built = topology.build(home, Options(symbols=("BTCUSDT",), demo=True))
    files = [Path(built.environment[f"MLRISK_API_{name}_FILE"]) for name in ("KEY", "SECRET")]
    key, secret = (file.read_text(encoding="utf-8") for file in files)
    topology.build(home, Options())
    assert [file.read_text(encoding="utf-8") for file in files] == [key, secret]
    having = {spec.name for spec in built.specs if str(files[1]) in spec.env.values()}
    # The console's button cancels at the exchange by itself, as `mlrisk halt` does.
    assert having == {"feed", "web", *HOLD_KEYS}
    for words in (str(built.environment), *(f"{spec.env} {spec.command}" for spec in built.specs)):
        assert not [word for word in (key, secret) if word in words]
    accounts = home.paper / "accounts.json"
    assert accounts.stat().st_mode & 0o777 == 0o600
    arguments = ("--market", "synthetic", "--symbols", "BTCUSDT", "--accounts", str(accounts))
    with PaperExchangeProcess(*arguments) as server:
        own = HTTP(api_key=key, api_secret=secret)
        published = HTTP(api_key=PAPER_KEY, api_secret=PAPER_SECRET)
        own.endpoint = published.endpoint = server.url
        wallet = own.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]
        assert Decimal(wallet["totalEquity"]) == 100_000
        with pytest.raises(InvalidRequestError) as refused:
            published.get_wallet_balance(accountType="UNIFIED")
        assert refused.value.status_code == 10003


def test_keys_that_a_person_gives_are_the_ones_that_count(home: Home) -> None:
    built = topology.build(home, Options(keys=KEYS))
    assert not [name for name in built.environment if "_API_" in name]
    paper = next(spec for spec in built.specs if spec.name == "paper-exchange")
    assert "--accounts" not in paper.command
