"""The kinds of audit entries: what each is about, what it says, and when it is written.

Whoever writes a new kind adds it here. `docs/reference/audit.md` is made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class AuditKind:
    """One kind of audit entry."""

    name: str
    subject: str
    """What the entry's subject names."""
    fields: tuple[str, ...]
    """The fields of its payload. Some entries of the kind lack some of them."""
    when: str
    """A sentence: what has happened when it is written."""


def _kind(name: str, subject: str, fields: str, when: str) -> AuditKind:
    return AuditKind(name, subject, tuple(fields.split()), when)


_FELL = "automatic model_trips loss_trips outcomes right stated trades slippage_bps"
_FILLED = "exec_id symbol side qty price why"
_MOVED = "reason from to epoch"
_REFUSED = "sender errors message"
_VERSION = "version environment mode changes direction proposed_by approved_by reason sha256"
_STOP = "symbol side trigger_price why"
_REPORT = (
    "scope state already_halted latched_at sealed_at parents_stopped children_cancelled"
    " exits_under_way unresolved orders_cancelled tasks_revoked problems cancelled_at clean_at"
    " orders_gone"
)
_VENUE = "exec_id exec_type created_by side qty price"

DECISIONS = (
    _kind(
        "decision",
        "request",
        "verdict approved_notional reasons decision_sha256 risk_level",
        "The gate has decided a request. The SHA-256 binds intent, snapshot, limits and checks.",
    ),
    _kind("exit_denied", "request", "symbol side checks", "The gate has denied an exit."),
    _kind(
        "exit_gave_way",
        "request",
        "to qty",
        "A slower exit gives a quantity to a faster one.",
    ),
    _kind(
        "exit_goes_at_once",
        "request",
        "attempts failures failure from symbol",
        "An exit can't be validated or worked as it was asked for, and is sent at once.",
    ),
    _kind(
        "request_parked",
        "request",
        "attempts failure symbol exit",
        "A request's validation has failed too often; nothing wakes it any more.",
    ),
    _kind(
        "soft_block",
        "request",
        "strategy symbol reason checks blocks released",
        "An approved request uses a limit beyond its soft level.",
    ),
    _kind(
        "request_held",
        "request",
        "strategy symbol reason checks blocks released",
        "A request beyond a soft level waits for a person instead.",
    ),
    _kind("request_released", "request", "reason", "A person lets a parked request go on."),
    _kind("request_ended", "request", "reason", "A person ends a parked request."),
    _kind(
        "bad_message", "request", _REFUSED, "A message breaks the schema: the first of a minute."
    ),
    _kind(
        "request_id_taken",
        "request",
        _REFUSED,
        "A known request id comes with another content: the first of a minute.",
    ),
    _kind(
        "quota_exceeded",
        "request",
        _REFUSED,
        "A strategy exceeds its quota: the first message of a minute.",
    ),
    _kind(
        "another_strategy",
        "request",
        _REFUSED,
        "A request names another strategy than its token: the first of a minute.",
    ),
    *(
        _kind(f"signature_{fault}", "request", _REFUSED, f"{told}: the first of a minute.")
        for fault, told in (
            ("missing", "A request has no signature"),
            ("invalid", "A request's signature is wrong"),
            ("expired", "A request's signature is too old"),
            ("outdated", "A request is signed with an old key"),
        )
    ),
    _kind(
        "messages_refused",
        "sender",
        "kind minute count last_at",
        "A minute is over in which more than one message of a sender was refused.",
    ),
)

ORDERS = (
    _kind("child_sending", "request", "child body post", "A child order is claimed and is sent."),
    _kind(
        "child_outcome",
        "request",
        "child outcome order_id code text error",
        "The exchange has answered, or the answer is missing.",
    ),
    _kind("order_at_exchange", "request", "child order_id", "The exchange is seen to have it."),
    _kind("child_not_taken", "request", "child posts id_taken_by", "It is proven never taken."),
    _kind("child_held", "request", "child why", "A due child has to wait."),
    _kind("child_shrunk", "request", "child qty later", "A child is sent smaller than planned."),
    _kind("fill", "request", "child exec_id qty price fee fee_currency", "A fill is booked."),
    _kind("child_ended", "request", "child state qty filled note", "A child has its last state."),
    _kind(
        "parent_ended",
        "request",
        "state approved filled released note cause",
        "A trade has ended, and what it reserved and did not fill is free.",
    ),
    _kind(
        "parent_end_corrected",
        "request",
        "before state status filled released",
        "A fill that came late has changed how a trade ended.",
    ),
    _kind("parent_stopped", "request", "reason children rest", "A trade is told to end."),
    _kind("parent_cancelled", "request", "reason actor filled", "A person cancels a trade."),
    _kind("parent_paused", "request", "reason actor filled", "A person pauses a trade."),
    _kind("parent_resumed", "request", "reason actor filled", "A person lets a trade go on."),
    _kind(
        "parent_set_aside",
        "request",
        "failures failure symbol ends_at",
        "A trade's steps fail for good; nothing more is placed.",
    ),
    _kind("steps_failing", "request", "failures failure symbol", "A trade's steps go on failing."),
    _kind(
        "parent_cut", "request", "released of why", "A new limit takes a part of a trade's rest."
    ),
    _kind("price_limit_tightened", "request", "from to", "A trade's worst price is stricter."),
    _kind(
        "pace_changed",
        "request",
        "from to speed size cause value limit",
        "A trade is worked slower or faster, because of the market or a limit.",
    ),
    _kind("volume_source", "request", "source", "A trade's volume curve comes from elsewhere."),
    _kind(
        "backup_plan",
        "request",
        "child failure step note stops",
        "A failed child takes the next step of its fallback policy, or the policy is used up.",
    ),
    _kind(
        "exit_unfilled",
        "request",
        "symbol side unfilled why as_asked",
        "An exit has ended before its position was closed.",
    ),
    _kind(
        "reservation_repaired",
        "request",
        "held needed why",
        "A reservation differs from what its trade needs, and is set right.",
    ),
)

EXCHANGE = (
    _kind("late_fill", "request", _FILLED, "A fill comes after its order has ended."),
    _kind("overfill", "request", _FILLED, "More is filled than was approved."),
    _kind("foreign_fill", "order", _FILLED, "An order of somebody else is filled."),
    _kind("fill_without_child", "order", _FILLED, "A fill names an order that no row explains."),
    _kind("foreign_order", "request", "order_id child why", "An order under our id is another's."),
    _kind("foreign_orders", "account", "order_ids", "Orders of somebody else rest here."),
    _kind("orders_without_child", "account", "orders", "Orders under our ids have no row."),
    _kind(
        "orphan_called_back",
        "order",
        "order_id symbol side qty filled",
        "An order under our id that no row explains is cancelled.",
    ),
    _kind("late_order", "order", "order_id", "An order that was given up is at the exchange."),
    _kind(
        "order_called_back",
        "order",
        "order_id child_state",
        "An order that rests although its child has ended is cancelled.",
    ),
    _kind(
        "order_lost",
        "request",
        "child order_id looks since reason",
        "An order is neither open nor in the history of the exchange.",
    ),
    _kind(
        "cancelled_at_exchange",
        "request",
        "child request_id",
        "Somebody else has cancelled an order of ours.",
    ),
    _kind("liquidation", "symbol", _VENUE, "The exchange has liquidated a position."),
    _kind("auto_deleveraging", "symbol", _VENUE, "The exchange has reduced a position."),
    _kind("symbol_settlement", "symbol", _VENUE, "The exchange has settled a symbol."),
    _kind(
        "cash_flow",
        "flow",
        "kind currency amount at value price_source",
        "Money has come to the account or has left it.",
    ),
    _kind("cash_flow_settled", "flow", "share", "A cash flow has its worth in the equity."),
    _kind(
        "fee_priced",
        "request",
        "exec_id coin fee cost price_source",
        "A fee in another coin has its price.",
    ),
    _kind("fact_parked", "fact", "kind symbol why row", "A fact of the exchange can't be read."),
    _kind("symbol_refused", "symbol", "why", "The exchange refuses the stream of a symbol."),
    _kind("symbol_taken", "symbol", "", "It takes it again."),
    _kind("market_forged", "key", "why", "Market data in Redis is not what the feed wrote."),
)

POSITIONS = (
    _kind(
        "position_exit",
        "symbol",
        "cause value limit reason request_id qty mark attempt",
        "A rule closes an open position.",
    ),
    _kind(
        "position_alert",
        "symbol",
        "cause value limit reason qty",
        "An open position needs attention.",
    ),
    _kind(
        "position_drawdown",
        "symbol",
        "cause value limit reason qty",
        "A position has lost so much that trading is halted.",
    ),
    _kind(
        "position_adopted",
        "symbol",
        "before after entry_price strategy reason",
        "A person takes a position of the exchange into the books.",
    ),
    _kind("protective_stop_placed", "stop", _STOP, "A stop order is placed for a position."),
    _kind("protective_stop_confirmed", "stop", _STOP, "The exchange shows the stop."),
    _kind("protective_stop_failed", "stop", _STOP, "The exchange does not take or keep a stop."),
    _kind("protective_stop_ended", "stop", _STOP, "A stop is no longer needed or is replaced."),
    _kind(
        "protective_stop_called_back", "order", "symbol order_id", "A stop too many is taken back."
    ),
    _kind("protective_stop_fill", "order", _FILLED, "A stop has closed a position."),
    _kind("direct_exit_fill", "order", _FILLED, "An order of a halt without Postgres is filled."),
    _kind(
        "direct_exit",
        "order",
        "symbol side position outcome journalled_at",
        "A halt without Postgres has sent an exit; the entry follows when Postgres is back.",
    ),
)

STATES = (
    _kind(
        "halted",
        "scope",
        f"{_MOVED} recovery command",
        "Trading of a scope is stopped, by a person or by the system.",
    ),
    _kind(
        "halted_again",
        "scope",
        "reason asked state",
        "Somebody stops a scope that is stopped as strictly already.",
    ),
    _kind("halt_sealed", "scope", "sealed_at accounts", "No claim from before a halt is left."),
    _kind(
        "halt_report",
        "scope",
        f"{_REPORT} last_pass",
        "A halt has done its steps.",
    ),
    _kind(
        "halt_report_signed",
        "scope",
        f"{_REPORT} report",
        "An operator signs what he saw of a halt, whose report was written before his login.",
    ),
    _kind("flattened", "scope", "flat requests left stops_cancelled", "A flattening has ended."),
    _kind("resumed", "scope", f"{_MOVED} recovery share", "Trading of a scope goes on."),
    _kind(
        "state_recorded",
        "scope",
        f"{_MOVED} recovery why",
        "A scope's state is changed otherwise, or is written anew after somebody changed its row.",
    ),
    _kind("recovery_asked", "scope", "reason recovery from at_epoch", "A recovery is asked for."),
    _kind("recovery_confirmed", "scope", "reason recovery asked_by", "A second person confirms."),
    _kind(
        "recovery_advanced",
        "scope",
        f"{_MOVED} recovery share",
        "A recovery takes its next step.",
    ),
    _kind(
        "recovery_fell_back",
        "scope",
        "recovery why",
        "A recovery falls back to the state that it has left.",
    ),
    _kind("recovery_ended", "scope", "recovery why", "A recovery ends without its goal."),
    _kind(
        "breaker_tripped",
        "scope",
        "breaker value limit reason beside to epoch",
        "A breaker trips. `beside` names the others that are tripped.",
    ),
    _kind("breaker_recovered", "scope", "breaker reason", "A breaker ends by itself."),
    _kind("breaker_reset", "scope", "breaker reason scope", "A person ends a breaker."),
    _kind("drawdown_tier", "account", "from to smoothed", "The drawdown reaches another tier."),
    _kind("size_shrunk", "scope", "share reason", "The entries of a bad model are cut."),
    _kind(
        "emergency_triggered",
        "trigger",
        "trigger value threshold since",
        "The system stops all trading by itself.",
    ),
    _kind("emergency_trigger_cleared", "trigger", "trigger", "A person has recovered from it."),
    _kind("trading_lease_granted", "account", "epoch holder", "The lease to trade is given."),
    _kind("trading_lease_withheld", "account", "why epoch holder", "The lease is not renewed."),
    _kind("trading_lease_released", "account", "why epoch", "Its holder gives it back."),
    _kind("account_unfit", "account", "reasons", "The account's settings forbid trading."),
    _kind("account_fit", "account", "reasons", "They allow it again."),
)

RULES = (
    _kind("config_proposed", "version", _VERSION, "Somebody proposes limits."),
    _kind("config_changed", "version", _VERSION, "Limits come into force."),
    _kind("config_rejected", "version", _VERSION, "A proposal is refused."),
    _kind("limits_file", "account", "before sha256", "The workers read another file of limits."),
    _kind("strategy_changed", "strategy", "reason changes", "A strategy's row is changed."),
    _kind(
        "strategy_promotion_asked",
        "strategy",
        "reason stage_asked until",
        "Somebody asks for a strategy's next stage, and a second person has to agree.",
    ),
    _kind(
        "strategy_stage",
        "strategy",
        f"stage epoch from reason evidence asked_by {_FELL}",
        "A strategy has another stage, or its row is written anew.",
    ),
    _kind("strategy_fell", "strategy", f"reason to {_FELL}", "A strategy falls by itself."),
    _kind("volume_models_stored", "version", "source sha256", "Volume models are stored."),
)

PEOPLE = (
    _kind("operator_added", "operator", "role key", "An operator is added."),
    _kind("operator_disabled", "operator", "reason key", "An operator is disabled."),
    _kind("operator_reset", "operator", "reason key", "An operator has a new key."),
    _kind("login_refused", "operator", "cause failed_attempts locked_until", "A login is refused."),
    _kind("code_created", "code", "reason action scope expires_at", "An override code is made."),
    _kind("code_used", "code", "action scope", "An override code opens an act."),
    _kind("code_revoked", "code", "reason", "An override code is taken back."),
    _kind(
        "code_refused",
        "code",
        "cause failed_attempts locked_until",
        "An override code is refused.",
    ),
    _kind("token_created", "token", "reason kind holder expires_at", "An API token is made."),
    _kind("token_revoked", "token", "reason", "An API token is taken back."),
    _kind("alert_acknowledged", "alert", "alert level key reason", "Somebody takes an alert up."),
    _kind(
        "assurance_report",
        "report",
        "report kind report_sha256 counts",
        "A review of the limits or a self-assessment is recorded.",
    ),
    _kind("drill", "drill", "drill kind passed report", "A drill has ended."),
)

SYSTEM = (
    _kind(
        "database_bound", "account", "mode exchange_uid environment", "A database gets its account."
    ),
    _kind("environment_bound", "account", "environment", "A database gets its environment."),
    _kind(
        "foreign_account_refused",
        "order",
        "act account",
        "A row of another account is not acted upon.",
    ),
    _kind("foreign_entries_dropped", "start", "count shown", "Beat drops tasks that are not ours."),
    _kind("worker_restarted", "worker", "queues seconds again", "A silent worker starts anew."),
    _kind("system_failure", "server", "since seconds", "A server has not answered for 15 s."),
    _kind("system_failure_over", "server", "since seconds", "It answers again."),
    _kind("watchdog_acted", "account", "silence acts", "The watchdog has cancelled orders."),
    _kind(
        "audit_archived",
        "month",
        "month file sha256 begins ends chains rest",
        "The payloads of an old month are declared to be in a file.",
    ),
)

SECTIONS: Mapping[str, tuple[AuditKind, ...]] = MappingProxyType(
    {
        "Requests and decisions": DECISIONS,
        "Trades and orders": ORDERS,
        "What the exchange says": EXCHANGE,
        "Positions": POSITIONS,
        "Trading states, breakers and the lease": STATES,
        "Limits and strategies": RULES,
        "People": PEOPLE,
        "The system": SYSTEM,
    }
)
KINDS: Mapping[str, AuditKind] = MappingProxyType(
    {kind.name: kind for section in SECTIONS.values() for kind in section}
)
"""Every kind that is written, by its name."""
