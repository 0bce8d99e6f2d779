"""The closed vocabularies of mlrisk; values are stored and published, so they are never renamed."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from config.vocabulary import Algorithm as Algorithm
from config.vocabulary import StrategyStage as StrategyStage

T = TypeVar("T")


class TradeSide(StrEnum):
    """The direction of a trade."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for buy, -1 for sell: the direction in which a fill moves the net position."""
        return 1 if self is TradeSide.BUY else -1


class ExecutionPriority(StrEnum):
    """How urgent a strategy calls its trade; an emergency exit may begin in any trading state."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"
    EMERGENCY = "emergency"


class ExecutionStatus(StrEnum):
    """The status of a trade request, from its arrival to its end."""

    PENDING_VALIDATION = "pending_validation"
    VALIDATION_PASSED = "validation_passed"
    VALIDATION_FAILED = "validation_failed"
    PENDING_EXECUTION = "pending_execution"
    EXECUTING = "executing"
    EXECUTED_SUCCESSFULLY = "executed_successfully"
    EXECUTION_FAILED = "execution_failed"
    CANCELLED = "cancelled"
    EMERGENCY_STOPPED = "emergency_stopped"
    PARKED = "parked"
    """Its validation failed too often, or a soft block holds it; an operator looks at it."""


class SoftHold(StrEnum):
    """How far a request is that a soft block has held."""

    HELD = "held"
    RELEASED = "released"
    """An operator has let it be decided, whatever is soft."""


class MessageRefusal(StrEnum):
    """Why a message was refused before it could be decided; the kind of its audit entry."""

    BAD_MESSAGE = "bad_message"
    REQUEST_ID_TAKEN = "request_id_taken"
    ANOTHER_STRATEGY = "another_strategy"
    """The request names another strategy than the token that brought it."""
    QUOTA_EXCEEDED = "quota_exceeded"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_EXPIRED = "signature_expired"
    SIGNATURE_OUTDATED = "signature_outdated"

    @property
    def is_of_signature(self) -> bool:
        """Whether the message's signature was the reason."""
        return self.value.startswith("signature_")


NOTHING_TO_REDUCE = "no position is left to reduce"
"""The end reason of an exit when others have closed its position: a success, even with nothing
filled."""


class VenueReason(StrEnum):
    """Why the venue refused a request, ended an order or acted itself, in mlrisk's words.

    Each adapter translates its venue's own words into these; nothing else reads those.
    """

    UNSTATED = "unstated"
    """The venue gives no reason."""
    REQUESTED = "requested"
    """Somebody asked for the cancel: mlrisk, or a person at the venue."""
    WOULD_TAKE = "would_take"
    """A post-only order would have met the other side of the book."""
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    """A reduce-only order has no position to reduce."""
    PRICE = "price"
    """Another price may be taken."""
    NO_LIQUIDITY = "no_liquidity"
    """The book held too little within its price."""
    MARGIN = "margin"
    """Funds, margin or a risk limit of the venue forbid the size."""
    SYMBOL = "symbol"
    """The symbol can't be traded now; exits may still be allowed."""
    DISCONNECTED = "disconnected"
    """The venue lost sight of us and cleared our orders: nothing is wrong with the order."""
    LIQUIDATION = "liquidation"
    """The venue takes over the position, or prepares to."""
    DELEVERAGING = "auto_deleveraging"
    """The venue closes the position against another account's liquidation, or prepares to."""
    SETTLEMENT = "symbol_settlement"
    """The venue settles and closes the symbol."""
    ACCOUNT = "account"
    """The account, its key or our configuration is refused: a person is needed."""
    OTHER = "other"
    """Any other definite no to this one order."""


class Verdict(StrEnum):
    """The gate's answer: as requested, smaller, or not at all."""

    ALLOW = "allow"
    SHRINK = "shrink"
    DENY = "deny"


class ValueEnd(StrEnum):
    """How a trade that the gate did not allow would have ended."""

    HORIZON = "horizon"
    STOP = "stop"


class NotValued(StrEnum):
    """Why the worth of a blocked trade is not known."""

    EXIT = "exit"
    """It reduces a position: its worth depends on what else is held."""
    NO_PLAN = "no_plan"
    """No trade would have been possible, or the request can't be planned."""
    NO_MARKET = "no_market"
    """The decision had no touch, volume or volatility."""
    NO_EQUITY = "no_equity"
    NO_MINUTES = "no_minutes"
    """The exchange has no minutes of the time until the horizon."""
    LIMIT_NOT_REACHED = "limit_not_reached"
    """The market did not go through the request's limit price."""
    OTHER_GATE = "other_gate"
    """Today's code does not give the recorded decision again."""


class CheckStatus(StrEnum):
    """The result of one check."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    """An input was missing, stale or unreadable. It denies the part that adds risk."""
    SKIPPED = "skipped"
    """The rule does not apply to this exposure delta (for instance cash for a reducing order)."""


class ExposureDelta(StrEnum):
    """The effect of a trade on the net position, working orders included."""

    ADDS = "adds"
    REDUCES = "reduces"
    CLOSES = "closes"
    FLIPS = "flips"


class TradingState(StrEnum):
    """The permitted trading of a scope; the strictest state that applies wins."""

    ACTIVE = "active"
    RECOVERING = "recovering"
    REDUCING = "reducing"
    HALTED = "halted"
    FLATTENING = "flattening"
    FLAT = "flat"

    @property
    def strictness(self) -> int:
        """The state's rank: the highest of the states that apply wins."""
        return _STRICTNESS[self]

    @property
    def allows_adding(self) -> bool:
        """Whether orders that add risk may go out."""
        return self in _MAY_ADD

    @property
    def allows_reducing(self) -> bool:
        """Whether strategies may reduce. Flattening itself is the emergency queue's own work."""
        return self in _MAY_REDUCE


_MAY_ADD = (TradingState.ACTIVE, TradingState.RECOVERING)
_MAY_REDUCE = (*_MAY_ADD, TradingState.REDUCING)
_STRICTNESS = {
    TradingState.ACTIVE: 0,
    TradingState.RECOVERING: 1,
    TradingState.REDUCING: 2,
    TradingState.FLAT: 3,
    TradingState.HALTED: 4,
    TradingState.FLATTENING: 5,
}


def strictest(found: Iterable[T], state_of: Callable[[T], TradingState]) -> T | None:
    """The item with the strictest trading state; the first of several.

    None without any item, which callers treat as unknown.
    """
    return max(found, key=lambda one: state_of(one).strictness, default=None)


class ScopeKind(StrEnum):
    """The kinds of scope that a trading state or a breaker belongs to."""

    GLOBAL = "global"
    ACCOUNT = "account"
    STRATEGY = "strategy"
    SYMBOL = "symbol"


class VersionState(StrEnum):
    """The life of a version of the limits; stored, so never renamed."""

    PROPOSED = "proposed"
    """Loosens in production: acts when a second person approves."""
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"


class Direction(StrEnum):
    """The direction of a change of limits. One that isn't known to be stricter counts as looser."""

    TIGHTENING = "tightening"
    LOOSENING = "loosening"
    MIXED = "mixed"


class ParentState(StrEnum):
    """The life of a parent order; the last three states are final."""

    WORKING = "working"
    PAUSED = "paused"
    COMPLETED = "completed"
    """The whole approved quantity is filled."""
    PARTIAL = "partial"
    """Ended with some of it filled; the rest was released."""
    UNFILLED = "unfilled"
    """Ended with nothing filled."""

    @property
    def is_final(self) -> bool:
        """Whether the parent has ended for good."""
        return self in (ParentState.COMPLETED, ParentState.PARTIAL, ParentState.UNFILLED)


class ChildState(StrEnum):
    """A child order's life; the facts of its exchange order, as far as they are known."""

    PLANNED = "planned"
    SENDING = "sending"
    ACKED = "acked"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    LOST = "lost"
    """Acknowledged, and then found nowhere: proven by `bot.account.lost_orders`."""
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """Whether nothing about the child can change any more."""
        return self in _FINAL_CHILD

    @property
    def may_be_at_exchange(self) -> bool:
        """Whether an order of this child may rest or fill at the exchange."""
        return self in _AT_EXCHANGE


_FINAL_CHILD = frozenset(
    {
        *(ChildState.FILLED, ChildState.CANCELLED, ChildState.REJECTED),
        *(ChildState.EXPIRED, ChildState.LOST),
    }
)
_AT_EXCHANGE = frozenset(
    {ChildState.SENDING, ChildState.ACKED, ChildState.WORKING, ChildState.UNKNOWN}
)


class StopState(StrEnum):
    """The life of a protective stop at the exchange."""

    PLACING = "placing"
    """Asked for; the exchange does not list it yet."""
    RESTING = "resting"
    CANCELLING = "cancelling"
    """Not wanted any more; it counts until the exchange has ended it."""
    ENDED = "ended"


class Style(StrEnum):
    """How a child meets the book: it takes at once, rests only, or does either."""

    IOC = "ioc"
    """It takes the available quantity at once, and its rest ends."""
    POST_ONLY = "post_only"
    """It rests, and is refused if it would take."""
    LIMIT = "limit"
    """It may take, and its rest stays in the book."""

    @property
    def rests(self) -> bool:
        """Whether it stays in the book until it is filled or called back."""
        return self is not Style.IOC


class OrderStatus(StrEnum):
    """The exchange's order states, reduced to those that matter here."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether the order can fill no more."""
        return self is not OrderStatus.OPEN


class EndCause(StrEnum):
    """Why a parent order ended or is being ended, as far as anything follows from it."""

    HALTED = "halted"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    CANCELLED_AT_EXCHANGE = "cancelled_at_exchange"
    """Somebody else cancelled its order at the exchange."""
    REPLACED_BY_EXIT = "replaced_by_exit"
    """It gave way to an exit."""
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    """Others have closed the position that it was to reduce."""
    OUT_OF_TIME = "out_of_time"
    """Its own time was over."""
    OTHER = "other"
    """Its own course or a failure: the words say which."""


class ReservationState(StrEnum):
    """Whether a reservation still counts against the limits."""

    HELD = "held"
    RELEASED = "released"


class CircuitBreakerType(StrEnum):
    """The breakers of the original interface, by their cause."""

    DAILY_LOSS_LIMIT = "daily_loss_limit"
    VOLATILITY_SPIKE = "volatility_spike"
    MODEL_PERFORMANCE_DEGRADED = "model_performance_degraded"
    CORRELATION_BREAKDOWN = "correlation_breakdown"
    EXECUTION_FAILURE_RATE = "execution_failure_rate"
    DATA_QUALITY_ISSUE = "data_quality_issue"


class BreakerSide(StrEnum):
    """The side whose entries a breaker stops."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"


class BreakerAction(StrEnum):
    """What a tripped breaker does in its scope; stored, so never renamed."""

    REDUCE_ONLY = "reduce_only"
    """Nothing that adds risk is approved or sent. A breaker of the account also sets its trading
    state to REDUCING."""
    FLATTEN = "flatten"
    """All trading is halted, and the open positions are to be closed."""


class MLRiskLevel(StrEnum):
    """The levels of the original interface's risk assessment, from the lowest to the highest."""

    VERY_LOW = "very_low"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    VERY_HIGH = "very_high"
    EXTREME = "extreme"
    EMERGENCY_STOP = "emergency_stop"


class TradeBlockReason(StrEnum):
    """Why a trade was denied or shrunk. The first ten are of the original interface."""

    INSUFFICIENT_CONFIDENCE = "insufficient_confidence"
    EXCESSIVE_POSITION_SIZE = "excessive_position_size"
    PORTFOLIO_RISK_LIMIT = "portfolio_risk_limit"
    DAILY_LOSS_LIMIT = "daily_loss_limit"
    CIRCUIT_BREAKER_ACTIVE = "circuit_breaker_active"
    EMERGENCY_STOP_ACTIVE = "emergency_stop_active"
    MODEL_UNCERTAINTY_HIGH = "model_uncertainty_high"
    CORRELATION_RISK_HIGH = "correlation_risk_high"
    MARKET_CONDITIONS_ADVERSE = "market_conditions_adverse"
    EXPLAINABILITY_FAILED = "explainability_failed"
    ENSEMBLE_DISAGREEMENT = "ensemble_disagreement"
    PREDICTION_UNSTABLE = "prediction_unstable"
    PREDICTION_STALE = "prediction_stale"
    MODEL_VERSION_REFUSED = "model_version_refused"
    GROSS_EXPOSURE_LIMIT = "gross_exposure_limit"
    NET_EXPOSURE_LIMIT = "net_exposure_limit"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    INSTRUMENT_FILTER = "instrument_filter"
    INSTRUMENT_UNKNOWN = "instrument_unknown"
    DATA_STALE = "data_stale"
    DATA_MISSING = "data_missing"
    TRADING_STATE = "trading_state"
    TRADING_LEASE = "trading_lease"
    WOULD_FLIP = "would_flip"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    REQUEST_EXPIRED = "request_expired"
    ORDER_RATE_LIMIT = "order_rate_limit"
    DUPLICATE_REQUEST = "duplicate_request"
    REQUEST_ID_TAKEN = "request_id_taken"
    EXECUTION_INFEASIBLE = "execution_infeasible"
    IMPACT_TOO_HIGH = "impact_too_high"
    DRAWDOWN_LIMIT = "drawdown_limit"
    CONSECUTIVE_LOSSES = "consecutive_losses"
    LIQUIDITY_INSUFFICIENT = "liquidity_insufficient"
    INTERNAL_ERROR = "internal_error"
    STRATEGY_STAGE = "strategy_stage"
    STRATEGY_LIMIT = "strategy_limit"


class OperatorRole(StrEnum):
    """The roles of operators; `bot/authority/actors.py` has the powers of each."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    RISK_OFFICER = "risk_officer"


class RecoveryPhase(StrEnum):
    """The life of a recovery; the last three are final."""

    PENDING = "pending"
    """It waits for the second person."""
    CLIMBING = "climbing"
    """It trades at the share of its step."""
    RECOVERED = "recovered"
    FELL_BACK = "fell_back"
    """A bad sign took it back to where it came from."""
    ENDED = "ended"
    """It expired, or another act moved its scope."""


class OverrideAction(StrEnum):
    """The act that an override code opens, once."""

    RECOVER = "recover"
    """Begin the recovery of a scope."""
    CONFIRM = "confirm"
    """Confirm, as the second person, a recovery that another operator asked for."""


class TokenKind(StrEnum):
    """Whom a token of the REST interface speaks for."""

    STRATEGY = "strategy"
    """Submits requests in its own name and reads them."""
    OPERATOR = "operator"
    """Looks, and halts."""


class AlertLevel(StrEnum):
    """Four levels of alert, from the quietest to the loudest."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """0 for the quietest level, 3 for the loudest."""
        return list(AlertLevel).index(self)


class AlertState(StrEnum):
    """How far an alert is: nobody has answered it, an operator has, or it is over."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


class AlertNews(StrEnum):
    """What a delivery tells of an alert."""

    RAISED = "raised"
    REPEATED = "repeated"
    CLEARED = "cleared"
