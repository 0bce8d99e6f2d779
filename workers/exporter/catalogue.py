"""Every metric of the exporter: its name, meaning, labels and bounds. `docs/metrics.md` lists them.

Names carry their unit. A label is a member of a vocabulary, or a name within a bound; no label has
the id of a request.
"""

from collections.abc import Iterable
from enum import StrEnum

from config.celery import QUEUES
from models.enums import (
    Algorithm,
    ChildState,
    EndCause,
    ExecutionStatus,
    MessageRefusal,
    MLRiskLevel,
    ParentState,
    ScopeKind,
    StopState,
    TradeBlockReason,
    TradeSide,
    TradingState,
    VenueReason,
    Verdict,
)
from models.repositories.figures import UNRECORDED
from workers.exporter.metric import Kind, Label, Metric

MOST_SERIES = 2_000
"""The largest number of series of one exporter."""
ENDED = tuple(state.value for state in ParentState if state.is_final)
OUTCOMES = (*ENDED, EndCause.NOTHING_TO_REDUCE.value)
"""How a trade ends. The last one is a success: others have closed the position of an exit."""
RIGHT, WRONG, VOID = "right", "wrong", "void"
ROWS, STATE, REDIS = "rows", "state", "redis"
"""What is read: counted rows and present state of Postgres, and Redis."""
SOURCES = (ROWS, STATE, REDIS)
_NAMES = 40
"""So many strategies, models, kinds of breaker and codes have series of their own."""


def _of(vocabulary: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(member.value for member in vocabulary)


_OUTCOME = Label("outcome", OUTCOMES)
_STRATEGY, _MODEL = Label("strategy"), Label("model")
_SOURCE = Label("source", SOURCES)
_SENSOR = Label("sensor")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SLIPPAGE = (
    *(-0.005, -0.002, -0.001, -0.0005, -0.0002, 0.0),
    *(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
)

DECISIONS = Metric(
    "mlrisk_decisions_total",
    Kind.COUNTER,
    "Decisions of the gate. The approval rate is the part that is not deny.",
    (Label("verdict", _of(Verdict)),),
)
BLOCKS = Metric(
    "mlrisk_decision_blocks_total",
    Kind.COUNTER,
    "Denials by reason. One denial may have several reasons.",
    (Label("reason", _of(TradeBlockReason)),),
)
BLAMED = Metric(
    "mlrisk_decision_blocks_by_check_total",
    Kind.COUNTER,
    "Denials by the check that denied. Several checks may deny one request.",
    (Label("check"),),
    most=80,
)
CONFIDENCE = Metric(
    "mlrisk_decision_confidence_ratio",
    Kind.HISTOGRAM,
    "The confidence that the model stated, from 0 to 1.",
    (Label("verdict", _of(Verdict)),),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0),
)
RISK_LEVELS = Metric(
    "mlrisk_decision_risk_levels_total",
    Kind.COUNTER,
    "Decisions by the risk level of the trade.",
    (Label("level", (*_of(MLRiskLevel), UNRECORDED)),),
)
REFUSED = Metric(
    "mlrisk_messages_refused_total",
    Kind.COUNTER,
    "Messages that were refused before a decision.",
    (Label("kind", _of(MessageRefusal)),),
)
REQUESTS = Metric(
    "mlrisk_requests",
    Kind.GAUGE,
    "Requests that have this status now.",
    (Label("status", _of(ExecutionStatus)),),
)

TRADES = Metric(
    "mlrisk_trades_ended_total",
    Kind.COUNTER,
    "Approved trades that ended. Completed and nothing_to_reduce are successes.",
    (Label("algorithm", _of(Algorithm)), _OUTCOME),
)
EXECUTION = Metric(
    "mlrisk_execution_seconds",
    Kind.HISTOGRAM,
    "The time from the start to the end of a completed trade.",
    (Label("algorithm", _of(Algorithm)),),
    buckets=_LONG_SECONDS,
)
SLIPPAGE = Metric(
    "mlrisk_slippage_ratio",
    Kind.HISTOGRAM,
    "What a trade paid beyond its price at the decision, as a part of it; below 0 is a gain.",
    (Label("side", _of(TradeSide)),),
    buckets=_SLIPPAGE,
)
PAID = Metric(
    "mlrisk_slippage_paid_quote_total",
    Kind.COUNTER,
    "What ended trades paid beyond their price at the decision, in quote currency.",
)
GAINED = Metric(
    "mlrisk_slippage_gained_quote_total",
    Kind.COUNTER,
    "What ended trades gained against their price at the decision, in quote currency.",
)
FILLED = Metric(
    "mlrisk_filled_quote_total",
    Kind.COUNTER,
    "The size of ended trades at their price at the decision, in quote currency.",
)
IMPACT = Metric(
    "mlrisk_market_impact_ratio",
    Kind.GAUGE,
    "The mean impact of the newest trades on the market, as a part of the price.",
)
IMPACT_TRADES = Metric(
    "mlrisk_market_impact_trades",
    Kind.GAUGE,
    "The number of trades behind the mean impact.",
)
LATENESS = Metric(
    "mlrisk_slice_lateness_seconds",
    Kind.HISTOGRAM,
    "The time from the planned to the real sending of a slice.",
    buckets=_SECONDS,
)
ANSWERED = Metric(
    "mlrisk_order_answer_seconds",
    Kind.HISTOGRAM,
    "The time from the sending of an order to its acknowledgement by the exchange.",
    buckets=_SECONDS,
)
ORDERS_ENDED = Metric(
    "mlrisk_orders_ended_total",
    Kind.COUNTER,
    "Orders that were sent and have ended.",
    (Label("state", tuple(state.value for state in ChildState if state.is_final)),),
)
RET_CODES = Metric(
    "mlrisk_order_answers_total",
    Kind.COUNTER,
    "Ended orders by the retCode of the exchange's no; none of those that it took.",
    (Label("ret_code"),),
    most=_NAMES,
)
VENUE_REASONS = Metric(
    "mlrisk_orders_ended_by_venue_total",
    Kind.COUNTER,
    "Ended orders by the reason that the exchange gave.",
    (Label("reason", _of(VenueReason)),),
)
STRATEGY_TRADES = Metric(
    "mlrisk_strategy_trades_ended_total",
    Kind.COUNTER,
    "Approved trades that ended, by strategy.",
    (_STRATEGY, _OUTCOME),
    most=_NAMES,
)
PARENTS = Metric(
    "mlrisk_parent_orders",
    Kind.GAUGE,
    "Parent orders that have this state now.",
    (Label("state", _of(ParentState)),),
)
CHILDREN = Metric(
    "mlrisk_child_orders",
    Kind.GAUGE,
    "Child orders that have this state now.",
    (Label("state", _of(ChildState)),),
)
FILLS = Metric(
    "mlrisk_fills_total",
    Kind.COUNTER,
    "Executions, by the way on which they became known.",
    (Label("way"),),
    most=8,
)

TRIPS = Metric(
    "mlrisk_breaker_trips_total",
    Kind.COUNTER,
    "Trips of circuit breakers.",
    (Label("kind"),),
    most=_NAMES,
)
TRIPPED = Metric(
    "mlrisk_breakers_tripped",
    Kind.GAUGE,
    "Breakers of this kind that are tripped now.",
    (Label("kind"),),
    most=_NAMES,
)
SHRUNK = Metric(
    "mlrisk_scopes_shrunk",
    Kind.GAUGE,
    "Scopes whose size is cut by a breaker that is not tripped.",
)
STOPS = Metric(
    "mlrisk_emergency_stops_total",
    Kind.COUNTER,
    "Halts of a scope: emergency stops by a person or by the system.",
)
SCOPES = Metric(
    "mlrisk_trading_scopes",
    Kind.GAUGE,
    "Scopes that have this trading state now.",
    (Label("kind", _of(ScopeKind)), Label("state", _of(TradingState))),
)
MAY_ADD = Metric(
    "mlrisk_trading_allowed",
    Kind.WHILE,
    "1 while the states of system and account allow adding risk; 0 when they are not known.",
)
LEASE = Metric(
    "mlrisk_lease_standing",
    Kind.WHILE,
    "1 while the lease to trade stands; 0 when it is not known.",
)
LEASE_EPOCH = Metric(
    "mlrisk_lease_grants_total",
    Kind.COUNTER,
    "Grants of the lease to trade after a lapse: its epoch.",
)
SENSOR_AGES = Metric(
    "mlrisk_sensor_age_seconds",
    Kind.AGE,
    "The age of what a sensor of the lease shows, streams of the market and the account included.",
    (_SENSOR,),
    most=16,
)
SENSOR_DEADLINES = Metric(
    "mlrisk_sensor_deadline_seconds",
    Kind.GAUGE,
    "The age from which the sensor withholds the lease.",
    (_SENSOR,),
    most=16,
)
SENSOR_FAULTS = Metric(
    "mlrisk_sensor_faults",
    Kind.GAUGE,
    "1 when the sensor withheld the lease at the last look.",
    (_SENSOR,),
    most=16,
)
EQUITY = Metric("mlrisk_equity", Kind.GAUGE, "The newest equity of the account, in its own unit.")
EQUITY_AGE = Metric("mlrisk_equity_age_seconds", Kind.AGE, "The age of the newest equity.")
DAY_LOSS = Metric(
    "mlrisk_day_loss_ratio",
    Kind.GAUGE,
    "The loss since the start of the UTC day, as a part of the equity then; below 0 is a gain.",
)
DRAWDOWN = Metric(
    "mlrisk_drawdown_ratio",
    Kind.GAUGE,
    "How far the equity is below its highest confirmed value, as a part of that.",
)
POSITIONS = Metric("mlrisk_open_positions", Kind.GAUGE, "Symbols with an open position.")
PROTECTIVE = Metric(
    "mlrisk_protective_stops",
    Kind.GAUGE,
    "Protective stops at the exchange that have not ended.",
    (Label("state", tuple(state.value for state in StopState if state is not StopState.ENDED)),),
)

MODEL_OUTCOMES = Metric(
    "mlrisk_model_outcomes_total",
    Kind.COUNTER,
    "Predictions with a known outcome, blocked ones included; void when the price did not move.",
    (_STRATEGY, _MODEL, Label("outcome", (RIGHT, WRONG, VOID))),
    most=_NAMES,
)
MODEL_STATED = Metric(
    "mlrisk_model_stated_total",
    Kind.COUNTER,
    "The sum of the stated probabilities of right and wrong predictions: the expected hits.",
    (_STRATEGY, _MODEL),
    most=_NAMES,
)
MODEL_ERRORS = Metric(
    "mlrisk_model_squared_errors_total",
    Kind.COUNTER,
    "The sum of the squared differences of stated probability and outcome (Brier score).",
    (_STRATEGY, _MODEL),
    most=_NAMES,
)

HEARTBEATS = Metric(
    "mlrisk_heartbeat_age_seconds",
    Kind.AGE,
    "The age of the last sign of life of a process or a task.",
    (Label("name"),),
    most=32,
)
CANARIES = Metric(
    "mlrisk_queue_canary_age_seconds",
    Kind.AGE,
    "The time since a worker took the last canary of the queue; one is sent every 10 s.",
    (Label("queue", QUEUES),),
)
QUEUED = Metric(
    "mlrisk_queue_messages",
    Kind.GAUGE,
    "Messages that wait in the queue, its lanes of strategies included.",
    (Label("queue", QUEUES),),
)
UNACKED = Metric(
    "mlrisk_messages_unacknowledged",
    Kind.GAUGE,
    "Messages that workers have taken and not acknowledged.",
)
REDIS_MEMORY = Metric("mlrisk_redis_memory_bytes", Kind.GAUGE, "The memory that Redis uses.")
REDIS_LIMIT = Metric(
    "mlrisk_redis_memory_limit_bytes", Kind.GAUGE, "The memory that Redis may use; 0 is no limit."
)
DUE = Metric(
    "mlrisk_outbox_due_slices", Kind.GAUGE, "Slices that are due, planned and not sent yet."
)
DUE_AGE = Metric(
    "mlrisk_outbox_oldest_age_seconds",
    Kind.AGE,
    "The time since the oldest unsent slice was due; 0 when none is due.",
)
UNDECIDED_AGE = Metric(
    "mlrisk_undecided_oldest_age_seconds",
    Kind.AGE,
    "The time since the oldest undecided request came; 0 when there is none.",
)
FIT = Metric(
    "mlrisk_account_fit", Kind.GAUGE, "1 when the exchange last said that the account may trade."
)
FIT_AGE = Metric(
    "mlrisk_account_fit_age_seconds", Kind.AGE, "The time since the exchange was asked for that."
)
DIFFERENCES = Metric(
    "mlrisk_reconciliation_differences",
    Kind.GAUGE,
    "What the exchange's record has and ours does not explain.",
    (Label("of", ("position", "foreign_order", "unreadable_fact", "fee_without_price")),),
)
DIFFERENCE_AGE = Metric(
    "mlrisk_reconciliation_oldest_age_seconds",
    Kind.AGE,
    "The age of the oldest difference of a position; 0 when there is none.",
)

AUDIT = Metric(
    "mlrisk_audit_entries_total", Kind.COUNTER, "Entries of the audit.", (Label("chain"),), most=4
)
UNVERIFIED = Metric(
    "mlrisk_audit_unverified_entries",
    Kind.GAUGE,
    "Entries of the audit that the stored verification has not reached.",
    (Label("chain"),),
    most=4,
)
VERIFIED_AGE = Metric(
    "mlrisk_audit_verified_age_seconds",
    Kind.AGE,
    "The time since the stored verification last went on.",
    (Label("chain"),),
    most=4,
)
NOTED_AGE = Metric(
    "mlrisk_audit_noted_age_seconds",
    Kind.AGE,
    "The time since the ends of the audit were last noted outside of the database.",
)

UP = Metric(
    "mlrisk_up",
    Kind.GAUGE,
    "1 when the last attempt to read the source succeeded. The others of its metrics are as old as "
    "mlrisk_source_age_seconds says.",
    (_SOURCE,),
)
SOURCE_AGE = Metric(
    "mlrisk_source_age_seconds",
    Kind.GAUGE,
    "The time since the source was last read; since the exporter's start when it never was.",
    (_SOURCE,),
)
SOURCE_SECONDS = Metric(
    "mlrisk_source_read_seconds",
    Kind.GAUGE,
    "How long the last successful reading of the source took.",
    (_SOURCE,),
)
SOURCE_FAILURES = Metric(
    "mlrisk_source_failures_total",
    Kind.COUNTER,
    "Failed readings of the source since the exporter's start.",
    (_SOURCE,),
)
SERIES = Metric(
    "mlrisk_exporter_series", Kind.GAUGE, "Series in this answer, this one not counted."
)

CATALOGUE: tuple[Metric, ...] = tuple(
    found for found in dict(globals()).values() if isinstance(found, Metric)
)
"""All metrics in the order of their declaration."""
