"""`mlrisk submit`: a trade request that can't be lost, because its row is written first."""

import time
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy.orm import Session

from bot.client import MLTradeExecutionPipeline
from bot.errors import BadMessage
from config.settings import Settings
from console.context import reading_engine, settings_to_act
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.request_file import read_request
from models.tables import DecisionRow, TradeRequestRow
from tasks.queue import CeleryTaskQueue

_POLL_SECONDS = 0.1
_STATE_REASONS = frozenset({"trading_state", "emergency_stop_active"})


def register(app: typer.Typer) -> None:
    """Adds `mlrisk submit` to the program."""
    app.command(epilog="Example: mlrisk submit order.json --wait")(submit)


def submit(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="JSON file of the request, or - for stdin.")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the decision.")] = False,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout-seconds", min=0.1, help="How long --wait waits.")
    ] = 30.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a request, and hand it to the validation worker.

    The same request_id gives the first outcome again. Exit status 3 when it was denied, 4 when
    trading is halted, 2 when the message breaks the schema (`mlrisk schema request`).
    """
    raw = read_request(file)
    settings = settings_to_act(ctx, home)
    request_id = _accept(settings, raw)
    outcome = _outcome(settings, request_id, timeout_seconds if wait else 0.0)
    if as_json:
        print_json(outcome)
    else:
        print_outcome(outcome)
    if wait and outcome["verdict"] is None:
        raise CommandError(
            f"{request_id} was written but not decided within {timeout_seconds:g} s: "
            "is the validation worker running? (`mlrisk status`)",
            ExitCode.DEPENDENCY_DOWN,
        )
    if outcome["verdict"] == "deny":
        halted = _STATE_REASONS & set(outcome["reasons"])
        raise typer.Exit(ExitCode.HALTED if halted else ExitCode.BLOCKED)


def _accept(settings: Settings, raw: Any) -> str:
    # The application reads the running system's settings when it is imported.
    from workers.celery.app import app

    if not isinstance(raw, dict):
        raise CommandError("the request must be a JSON object", ExitCode.USAGE)
    app.set_current()
    pipeline = MLTradeExecutionPipeline(settings, task_queue=CeleryTaskQueue())
    try:
        return pipeline.submit(raw)
    except BadMessage as error:
        lines = "\n".join(f"  {e.field}: {e.message}" for e in error.errors)
        raise CommandError(f"the message was refused:\n{lines}", ExitCode.USAGE) from error
    finally:
        pipeline.close()


def _outcome(settings: Settings, request_id: str, wait_seconds: float) -> dict[str, Any]:
    """The decision, or the facts that are known when the time is up."""
    engine = reading_engine(settings.require_database_url())
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            facts = _facts(engine, request_id)
            if facts["verdict"] is not None or time.monotonic() >= deadline:
                return facts
            time.sleep(_POLL_SECONDS)
    finally:
        engine.dispose()


def _facts(engine: Any, request_id: str) -> dict[str, Any]:
    with Session(engine) as session:
        request = session.get_one(TradeRequestRow, request_id)
        decision = session.get(DecisionRow, request_id)
        recorded = decision.decision if decision else {}
        return {
            "request_id": request_id,
            "status": request.status,
            "verdict": decision.verdict if decision else None,
            "approved_qty": recorded.get("approved_qty"),
            "approved_notional": recorded.get("approved_notional"),
            "reference_price": recorded.get("reference_price"),
            "reasons": recorded.get("reasons", []),
        }


def print_outcome(outcome: dict[str, Any]) -> None:
    """Prints the outcome for a person."""
    out, request_id = stdout(), escape(outcome["request_id"])
    if outcome["verdict"] is None:
        out.print(f"{request_id}: {escape(outcome['status'])}")
        return
    reasons = f" because of {escape(', '.join(outcome['reasons']))}" if outcome["reasons"] else ""
    out.print(
        f"{request_id}: [bold]{escape(outcome['verdict'].upper())}[/] "
        f"{escape(str(outcome['approved_notional']))} USDT{reasons}"
    )
    out.print(f"more: mlrisk show {request_id}")
