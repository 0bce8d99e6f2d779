"""A stress test: twice the messages and the volume of the busiest minute, on a paper account."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.authority.actors import Actor
from bot.clock import Clock, SystemClock
from bot.decision.admitting import StrategyAdmission
from bot.decision.quotas import Quotas
from bot.decision.requests import Admission
from bot.errors import QuotaExceeded, Refused
from bot.execution.ports import AccountDeps, DispatcherOnly, TaskQueue
from bot.limits.source import ConfiguredLimits
from bot.safety.emergency import drills
from bot.safety.emergency.drills import Drill
from bot.safety.stress_load import STRATEGY, Load, Messages, quantile
from config.settings import ExchangeMode, Settings
from console.invariants import InvariantResult
from console.output import to_json
from console.runtime.examination import examine
from console.runtime.operator import task_queue
from console.runtime.stress_progress import Outcome, Progress, outcome_of, progress_of
from console.runtime.stress_rounds import Rounds
from models.amounts import shortest
from models.database import Database
from models.enums import ScopeKind, StrategyStage, TradingState
from models.repositories import strategies
from models.repositories.safety import states

_LOOK_SECONDS = 0.25
_PAUSE_SECONDS = 0.01
_CENT = Decimal("0.01")
_QUOTA_SECONDS = 1.0
"""A trade beyond the quota is offered again after this time: quotas count by the second."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a test."""

    seconds: float
    """Over this time the messages are offered."""
    patience_seconds: float
    """How much longer the test waits for decisions, orders and volume."""


@dataclass(frozen=True, slots=True)
class StressEnd:
    """The end of a stress test, as it is stored and printed."""

    number: int
    report: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the whole load was carried, and everything held."""
        return not self.report["problems"]


@dataclass
class _Offered:
    """What was handed to the system so far."""

    denied: int = 0
    trades: int = 0
    refused: int = 0
    """Messages beyond the strategy's quota, each of which was answered so."""
    trades_from: float = 0.0
    """When a trade is offered again, after one beyond the quota; in seconds of the test."""

    @property
    def messages(self) -> int:
        return self.denied + self.trades + self.refused


class StressDrill:
    """One stress test on the running system's paper account."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        clock: Clock,
        admission: StrategyAdmission,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._admission = admission
        self._monotonic = monotonic

    def require_possible(self) -> None:
        """Raises Refused for another exchange than a paper one, while trading is stopped, and
        while the test's strategy may not trade."""
        mode = self._settings.exchange_mode
        if mode is not ExchangeMode.PAPER:
            raise Refused(f"a stress test trades a lot: it needs paper, and this is {mode}")
        with self._db.reading() as session:
            rows = states.all_states(session)
            known = strategies.stage_of(session, STRATEGY)
        for row in rows:
            is_ours = row.scope_kind == ScopeKind.GLOBAL or row.scope_key == self._settings.account
            if is_ours and row.state != TradingState.ACTIVE:
                raise Refused(
                    f"trading is {row.state.upper()} ({row.reason}): a stress test "
                    "would prove nothing"
                )
        rules = ConfiguredLimits(self._settings, self._db).in_force().limits.strategies
        stage = known.stage or rules.unknown_stage
        if stage is StrategyStage.SHADOW:
            raise Refused(
                f"the test's strategy {STRATEGY} is at the stage {stage} and would trade nothing: "
                f"`mlrisk strategy promote {STRATEGY} --to paper --reason ...`"
            )

    def run(self, load: Load, window: Window, reason: str, actor: Actor) -> StressEnd:
        """Offers the load, waits until all of it has ended, examines, and stores the report.

        The caller has asked `require_possible`.
        """
        began_at = self._clock.now()
        name = f"stress-{began_at:%Y%m%dT%H%M%S%f}"
        rounds = Rounds(load, Messages(name), self._settings.symbol_list)
        offered = _Offered()
        took = self._drive(load, window, began_at, rounds, offered)
        with self._db.reading() as session:
            seen = progress_of(session, self._settings.account, began_at)
            outcome = outcome_of(session, self._settings.account, began_at)
        results = examine(self._settings, newest_decisions=len(outcome.latencies))
        problems = tuple(_problems(load, offered, seen, rounds, outcome, results))
        report = {
            "reason": reason,
            "load": _load_facts(load, window),
            "offered": {"messages": offered.messages, "beyond_quota": offered.refused},
            "took_seconds": round(took, 3),
            "orders_sent": seen.sent,
            "volume": _money(seen.volume),
            "decisions": _decision_facts(outcome),
            "fullest_limit": _limit_facts(outcome),
            "breakers_tripped": list(outcome.tripped),
            "invariants": {each.name: _verdict(each) for each in results},
            "problems": list(problems),
        }
        ended_at = self._clock.now()
        drill = Drill(
            drills.STRESS, self._settings.account, began_at, ended_at, not problems, report
        )
        return StressEnd(drills.store(self._db, drill, actor), report)

    def _drive(
        self, load: Load, window: Window, began_at: datetime, rounds: Rounds, offered: _Offered
    ) -> float:
        """Hands over all messages as they are due; returns how long it took until nothing was open,
        in seconds."""
        begin = self._monotonic()
        looked = float("-inf")
        while True:
            elapsed = self._monotonic() - begin
            due = int(load.messages * min(1.0, elapsed / window.seconds))
            if offered.messages < due:
                self._offer_denied(rounds, offered)
            if elapsed >= offered.trades_from:
                self._offer_trade(rounds, offered, elapsed)
            if elapsed - looked >= _LOOK_SECONDS:
                looked = elapsed
                with self._db.reading() as session:
                    seen = progress_of(session, self._settings.account, began_at)
                is_late = elapsed >= window.seconds + window.patience_seconds
                rounds.follow(seen, elapsed, may_enter=not is_late)
                complete = offered.messages >= load.messages and rounds.is_over
                if complete and seen.is_at_rest:
                    return elapsed
                # What is held is sold even when the time is over, if decisions still come.
                if elapsed >= window.seconds + 2 * window.patience_seconds:
                    rounds.end("the time was over")
                    return elapsed
            if offered.messages >= due:
                time.sleep(_PAUSE_SECONDS)

    def _offer_denied(self, rounds: Rounds, offered: _Offered) -> None:
        number = offered.messages
        symbol = rounds.symbols[number % len(rounds.symbols)]
        message = rounds.messages.denied(number, symbol, self._clock.now())
        if self._accepted(message):
            offered.denied += 1
        else:
            offered.refused += 1

    def _offer_trade(self, rounds: Rounds, offered: _Offered, elapsed: float) -> None:
        """One of the messages that trade. Beyond the quota it is offered again."""
        message = rounds.take(self._clock.now())
        if message is None:
            return
        if self._accepted(message):
            rounds.done()
            offered.trades += 1
        else:
            offered.refused += 1
            offered.trades_from = elapsed + _QUOTA_SECONDS

    def _accepted(self, message: dict[str, Any]) -> bool:
        try:
            strategy = message["metadata"]["strategy"]
            self._admission.accept(to_json(message), None, strategy)
        except QuotaExceeded:
            return False
        return True


def admission_of(db: Database, settings: Settings) -> StrategyAdmission:
    """The way of a strategy's requests into this system, its quotas included."""
    clock = SystemClock()
    queue: TaskQueue = task_queue(settings) or DispatcherOnly()
    admission = Admission(AccountDeps(db, settings.account, clock, queue))
    # Quotas alone are read here, so that nothing needs to be proven.
    limits = ConfiguredLimits(settings, db, prove=lambda _: ())
    return StrategyAdmission(admission, Quotas(db, settings.account, limits, clock))


def _problems(
    load: Load,
    offered: _Offered,
    seen: Progress,
    rounds: Rounds,
    outcome: Outcome,
    results: list[InvariantResult],
) -> Iterator[str]:
    if offered.messages < load.messages:
        yield f"{offered.messages} of {load.messages} messages were offered in time"
    if seen.undecided:
        yield f"{seen.undecided} requests have no decision"
    if seen.under_way:
        yield f"{seen.under_way} orders have not ended"
    why = f": {rounds.why}" if rounds.why else ""
    reasons = ", ".join(f"{name} {count}" for name, count in outcome.reasons.items())
    denied = f"; the gate denied entries for {reasons}" if reasons else ""
    if seen.sent < load.orders:
        yield f"{seen.sent} of {load.orders} orders were sent{why}{denied}"
    if seen.volume < load.volume:
        yield f"{_money(seen.volume)} of {_money(load.volume)} were traded{why}{denied}"
    for symbol, value in seen.held.items():
        yield f"{symbol} for {_money(value)} is still held"
    for each in results:
        if each.violations:
            yield f"{each.name} is violated: {each.violations[0]}"


def _load_facts(load: Load, window: Window) -> dict[str, Any]:
    return {
        "messages": load.messages,
        "orders": load.orders,
        "volume": _money(load.volume),
        "by_default": list(load.by_default),
        "seconds": window.seconds,
    }


def _decision_facts(outcome: Outcome) -> dict[str, Any]:
    def seconds(share: float) -> float | None:
        found = quantile(outcome.latencies, share)
        return None if found is None else round(found, 4)

    return {
        "count": len(outcome.latencies),
        "verdicts": dict(outcome.verdicts),
        "p50_seconds": seconds(0.5),
        "p99_seconds": seconds(0.99),
        "slowest_seconds": seconds(1.0),
    }


def _limit_facts(outcome: Outcome) -> dict[str, Any] | None:
    use = outcome.fullest
    if use is None:
        return None
    return {
        "check": use.name,
        "value": shortest(use.value),
        "limit": shortest(use.limit),
        "share": round(use.share, 4),
    }


def _money(amount: Decimal) -> str:
    """To the cent, as plain digits."""
    return shortest(amount.quantize(_CENT))


def _verdict(result: InvariantResult) -> str:
    if result.violations:
        return "violated"
    return "holds" if result.checked else "not checked"
