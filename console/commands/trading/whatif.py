"""`mlrisk whatif`: the gate's answer as of now; nothing is written, sent or recorded."""

from datetime import datetime
from typing import Annotated, Any

import typer
from redis import Redis

from bot.clock import SystemClock
from bot.decision import parsing
from bot.decision.whatif import WhatIf, what_if
from bot.errors import BadMessage
from bot.exchange.market_cache import RedisMarketCache
from bot.execution.policy.planning import ParentPlan
from bot.risk import codec
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import TradeIntent
from bot.risk.soft import soft_blocks
from config.celery import with_database
from config.settings import Settings
from console.context import reading, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.configuring import FileOption, SetOption, chosen_limits
from console.runtime.request_file import read_request
from console.views.explanation import decision_facts, print_decision
from tasks.bootstrap import MARKET_DATABASE, market_seal

_HALTED = frozenset({"trading_state", "emergency_stop_active"})


def register(app: typer.Typer) -> None:
    """Adds `mlrisk whatif` to the program."""
    app.command(epilog="Example: mlrisk whatif order.json --set gate.max_gross_exposure_share=0.5")(
        whatif
    )


def whatif(
    ctx: typer.Context,
    order: Annotated[str, typer.Argument(help="JSON file of the request, or - for stdin.")],
    file: FileOption = None,
    assignments: SetOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Treat the request and its prediction as made now.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide a request on the live market, portfolio and states, without storing anything.

    Exit status 0 when it would be allowed or shrunk, 3 when denied, 4 when trading is halted.
    """
    settings = settings_to_look(ctx, home)
    intent = _intent(read_request(order), settings.account, SystemClock().now() if fresh else None)
    limits = chosen_limits(settings, file, assignments or [])
    answer = _ask(settings, intent, limits)
    if as_json:
        print_json(_facts(answer, limits))
    else:
        _print(answer, limits)
    if not answer.decision.approved:
        halted = _HALTED & set(answer.decision.reasons)
        raise typer.Exit(ExitCode.HALTED if halted else ExitCode.BLOCKED)


def _intent(raw: Any, account: str, made_at: datetime | None) -> TradeIntent:
    if made_at is not None and isinstance(raw, dict):
        raw = _made_at(raw, made_at)
    try:
        return parsing.to_intent(parsing.parse_request(raw), account, SystemClock().now())
    except BadMessage as error:
        lines = "\n".join(f"  {e.field}: {e.message}" for e in error.errors)
        raise CommandError(f"the message was refused:\n{lines}", ExitCode.USAGE) from error


def _made_at(raw: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """The request as if the strategy had made it at that moment, without its old expiry."""
    predictions = raw.get("ml_predictions")
    if isinstance(predictions, dict):
        predictions = {**predictions, "predicted_at": moment.isoformat()}
    kept = {key: value for key, value in raw.items() if key != "expires_at"}
    return {**kept, "created_at": moment.isoformat(), "ml_predictions": predictions}


def _ask(settings: Settings, intent: TradeIntent, limits: RiskLimits) -> WhatIf:
    url = with_database(settings.require_redis_url(), MARKET_DATABASE)
    with (
        Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as redis,
        reading(settings.require_database_url()) as session,
    ):
        clock = SystemClock()
        market = RedisMarketCache(redis, settings.symbol_list, seal=market_seal(settings, clock))
        return what_if(session, intent, market, limits, clock)


def _facts(answer: WhatIf, limits: RiskLimits) -> dict[str, Any]:
    return {
        **decision_facts(answer.decision, limits),
        "would_be_held": _would_be_held(answer, limits),
        "plan": None if answer.plan is None else _plan_facts(answer.plan),
        "snapshot": codec.to_json(answer.snapshot),
    }


def _plan_facts(plan: ParentPlan) -> dict[str, Any]:
    return {
        "algorithm": plan.algorithm,
        "params": plan.params,
        "slices": len(plan.schedule.slices),
        "total": plan.schedule.total,
        "residual": plan.schedule.residual,
        "price_limit": plan.price_limit,
        "deadline_at": plan.deadline_at,
    }


def _would_be_held(answer: WhatIf, limits: RiskLimits) -> bool:
    return limits.soft_holds and bool(soft_blocks(answer.decision, limits))


def _print(answer: WhatIf, limits: RiskLimits) -> None:
    out = stdout()
    print_decision(out, decision_facts(answer.decision, limits))
    plan = answer.plan
    if _would_be_held(answer, limits):
        out.print("a soft block would hold it until an operator releases it")
    if plan is not None:
        out.print(
            f"it would go out by {plan.algorithm} ({plan.params.get('chosen_because')}) in "
            f"{len(plan.schedule.slices)} slices until {utc(plan.deadline_at)}, never beyond "
            f"{plan.price_limit:f}",
            markup=False,
        )
    out.print("nothing was written, sent or recorded")
