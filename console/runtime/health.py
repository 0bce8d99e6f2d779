"""Checks quickly that each thing that the system depends on is there. It shows no secrets."""

from datetime import UTC, datetime

from redis import Redis
from sqlalchemy.exc import DBAPIError

from bot.clock import SystemClock
from bot.errors import MlriskError
from bot.exchange import factory
from bot.exchange.market_cache import RedisMarketCache
from bot.limits.source import ConfiguredLimits, LimitsInForce
from bot.risk.snapshot import MarketView
from bot.state import binding
from config.celery import with_database
from config.settings import Environment, Settings
from console.context import acting, reading
from console.runtime.health_check import HealthCheck as HealthCheck
from console.runtime.vitals.check import check_vitals
from console.runtime.vitals.patient import Patient
from console.screen.panels import STALE_SECONDS
from console.screen.source import process_status
from console.views.doctor.alert_lines import alert_lines
from console.views.doctor.audit_log_line import audit_log_line
from console.views.doctor.drill_line import drill_line
from console.views.doctor.fitness_line import fitness_line
from console.views.doctor.message_line import message_line
from console.views.doctor.redis_line import redis_line
from console.views.doctor.room_line import room_lines
from console.views.live.lease_view import lease_lines
from console.views.live.queries import database_now, heartbeats
from models.migrate import current, head
from models.roles import warning
from tasks.bootstrap import MARKET_DATABASE, heads_file, market_seal

_TIMEOUT_SECONDS = 3.0
# Requests are signed with a window of 5 s; half of that leaves room for the network.
_CLOCK_LIMIT_SECONDS = 2.5


def check_health(settings: Settings) -> list[HealthCheck]:
    """Checks Postgres with its schema, Redis, the exchange with its clock, processes, canaries,
    vitals."""
    postgres = postgres_check(settings)
    checks = [postgres, redis_line(settings), _exchange(settings), *_processes(settings)]
    checks += room_lines(settings.home)
    if not postgres.ok:
        return checks
    own = _shown(settings)
    checks += [_role(settings), fitness_line(settings), message_line(own)]
    checks += [_audit_heads(settings), audit_log_line(settings), *alert_lines(settings)]
    checks.append(drill_line(own))
    return [*checks, *lease_lines(own), *_heartbeats(own), *_vitals(own)]


def postgres_check(settings: Settings) -> HealthCheck:
    """Whether Postgres answers with the tables of this version."""
    if settings.database_url is None:
        return HealthCheck("postgres", False, "no system runs here: start one with `mlrisk up`")
    try:
        revision = current(settings.require_database_url())
    except DBAPIError as error:
        line = str(error.orig).strip().splitlines()[0]
        return HealthCheck("postgres", False, f"can't be reached ({line})")
    if revision != head():
        return HealthCheck(
            "postgres",
            False,
            f"schema {revision or 'missing'}, need {head()}: run `mlrisk migrate`",
        )
    return HealthCheck("postgres", True, f"schema {revision}")


def _role(settings: Settings) -> HealthCheck:
    """Judges the rights of our Postgres role. Too many rights are a fault in production. Elsewhere
    they are a warning, because there the user only tries the system out."""
    told = warning(settings.require_database_url())
    if told is None:
        return HealthCheck("role of postgres", True, "may not change what is recorded")
    guarded = settings.environment is Environment.PRODUCTION
    return HealthCheck("role of postgres", not guarded, told, down=False, warning=True)


def _exchange(settings: Settings) -> HealthCheck:
    try:
        before = datetime.now(UTC)
        theirs = factory.make_exchange(settings, SystemClock()).server_time()
        ours = before + (datetime.now(UTC) - before) / 2
    except MlriskError as error:
        return HealthCheck("exchange", False, error.message)
    except ValueError as error:
        return HealthCheck("exchange", False, f"not configured ({error})")
    offset = (theirs - ours).total_seconds()
    ok = abs(offset) <= _CLOCK_LIMIT_SECONDS
    return HealthCheck("exchange", ok, f"answers, its clock is {offset:+.3f} s from ours")


def _processes(settings: Settings) -> list[HealthCheck]:
    found: list[HealthCheck] = []
    for process in process_status(settings):
        ok = process.state == "RUNNING"
        restarts = f", restarted {process.restarts} times" if process.restarts else ""
        found.append(
            HealthCheck(f"process {process.name}", ok, f"{process.state.lower()}{restarts}")
        )
    return found


def _heartbeats(settings: Settings) -> list[HealthCheck]:
    with reading(settings.require_database_url()) as session:
        beats = heartbeats(session, database_now(session))
    return [
        HealthCheck(
            f"heartbeat {beat.name}",
            beat.age_seconds <= STALE_SECONDS,
            f"{beat.age_seconds:.0f} s ago",
        )
        for beat in beats
    ]


def _vitals(settings: Settings) -> list[HealthCheck]:
    markets, judged = _markets(settings), _judged_limits(settings)
    with reading(settings.require_database_url()) as session:
        patient = Patient(
            session=session,
            account=settings.account,
            symbols=settings.symbol_list,
            now=database_now(session),
            markets=markets,
            ineffective=() if isinstance(judged, str) else judged.ineffective,
            unusable=judged if isinstance(judged, str) else None,
            protects=isinstance(judged, str) or judged.limits.positions.protective_stops,
        )
        found = check_vitals(patient)
    return [HealthCheck(v.name, v.problem is None, v.problem or "well", down=v.down) for v in found]


def _markets(settings: Settings) -> dict[str, MarketView | None]:
    if settings.redis_url is None:
        return {}
    url = with_database(settings.require_redis_url(), MARKET_DATABASE)
    timeout = _TIMEOUT_SECONDS
    with Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout) as client:
        cache = RedisMarketCache(client, seal=market_seal(settings, SystemClock()))
        return {symbol: cache.get(symbol) for symbol in settings.symbol_list}


def _audit_heads(settings: Settings) -> HealthCheck:
    """Whether the audit chains still have the ends that a file outside the database notes."""
    file = heads_file(settings)
    late = None
    try:
        with reading(settings.require_database_url()) as session:
            problems, late = file.problems(session), file.lateness(session)
    except OSError as error:
        problems = [f"{file.path} can't be read: {error.strerror}"]
    told = "; ".join(problems) or late or f"as noted in {file.path}"
    return HealthCheck("audit's ends", not problems, told, down=False, warning=late is not None)


def _shown(settings: Settings) -> Settings:
    """The settings, with the database's account, environment and modes in place of this shell's."""
    with reading(settings.require_database_url()) as session:
        return binding.shown(session, settings)


def _judged_limits(settings: Settings) -> LimitsInForce | str:
    """The limits in force, or the reason why no limits can be judged."""
    with acting(settings) as db:
        try:
            return ConfiguredLimits(settings, db).in_force()
        except MlriskError as error:
            return str(error)
