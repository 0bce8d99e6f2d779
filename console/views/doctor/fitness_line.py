"""The line of `mlrisk doctor` about account fitness and about the identity of the database."""

from bot.state import binding, fitness
from config.settings import Settings
from console.context import reading
from console.runtime.health_check import HealthCheck
from console.views.live.queries import database_now


def fitness_line(settings: Settings) -> HealthCheck:
    """Not ok while the gate denies what adds risk, or while no process would start."""
    with reading(settings.require_database_url()) as session:
        now = database_now(session)
        bound = binding.bound_to(session)
        known = fitness.stored(session, binding.shown(session, settings).account)
    wrong = None
    if bound is not None:
        wrong = binding.mismatch(bound, settings)
    problem = wrong or fitness.problem(known, now)
    if problem is not None:
        return HealthCheck("account", False, problem, down=False)
    assert known is not None, "an account that was never asked for has a problem"
    owner = "not bound yet" if bound is None else str(bound)
    age = (now - known.asked_at).total_seconds()
    return HealthCheck("account", True, f"may trade, asked {age:.0f} s ago; {owner}")
