"""What the interface answers: amounts are text of plain digits, times are UTC with a Z."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from console.output import utc
from models.amounts import shortest

Amount = Annotated[
    str, WithJsonSchema({"type": "string", "description": "A number in plain decimal digits."})
]
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
M = TypeVar("M", bound=BaseModel)


class Answer(BaseModel):
    """The base of every answer: frozen, and of stored facts only those that it names."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)


class Receipt(Answer):
    """That a request is stored. It is the same each time that the same request is sent."""

    request_id: str
    key: str = Field(
        description="The request's name in this system. It is `request_id`, or "
        "`request_id~strategy` where another strategy had used that id before."
    )
    strategy: str
    symbol: str
    side: str
    received_at: Moment
    payload_sha256: str = Field(description="SHA-256 of the request as it was read.")


class BrokenCheck(Answer):
    """A check that failed or could not be asked."""

    name: str
    status: str
    value: str | None = None
    limit: str | None = None
    needed: str | None = None
    sentence: str | None = None


class Stage(Answer):
    """The strategy's stage at the decision, and whether its entries are sent."""

    stage: str
    sends: bool


class Parent(Answer):
    """How far the order has come."""

    algorithm: str
    working_algorithm: str
    state: str
    approved_qty: Amount
    filled_qty: Amount
    average_price: Amount | None
    deadline_at: Moment
    stop_reason: str | None
    end_reason: str | None
    pace: dict[str, Any] | None


class Child(Answer):
    """One child order."""

    slot: int
    attempt: int
    order_link_id: str
    state: str
    qty: Amount
    filled_qty: Amount
    due_at: Moment


class RequestStatus(Answer):
    """A request: the decision in short, and its order. `verdict` is null until it is decided."""

    request_id: str
    key: str
    strategy: str
    symbol: str
    side: str
    received_at: Moment
    status: str
    verdict: str | None = None
    reasons: list[str] = []
    approved_qty: Amount | None = None
    approved_notional: Amount | None = None
    reference_price: Amount | None = None
    checks_failed: list[BrokenCheck] = []
    notes: list[str] = []
    stage: Stage | None = None
    failure: str | None = Field(
        default=None, description="Why it could not be validated yet, or which soft block holds it."
    )
    parent: Parent | None = None
    children: list[Child] = []


class Check(BrokenCheck):
    """One check of the decision, with its numbers."""

    reason: str
    margin: str | None
    unit: str
    data_age_seconds: float | None
    cap: Amount | None


class Factor(Answer):
    """One multiplier of the size."""

    name: str
    value: Amount
    measured: str | None
    full_size: str | None
    sentence: str


class DecisionFacts(Answer):
    """The decision with each check and each factor of the size."""

    verdict: str
    sentence: str
    needed: list[str]
    reasons: list[str]
    exposure: str | None
    reduce_only: bool
    requested_notional: Amount
    requested_qty: Amount
    approved_notional: Amount
    approved_qty: Amount
    reference_price: Amount | None
    capped_by: str | None
    decided_at: Moment
    checks: list[Check]
    factors: list[Factor]
    soft_blocks: list[str] = Field(
        default=[], description="Limits that the trade used beyond their soft level."
    )


class Outcome(Answer):
    """What became of the order since."""

    state: str
    algorithm: str
    chosen_because: str | None
    approved_qty: Amount
    filled_qty: Amount
    released_qty: Amount
    end_reason: str | None


class Explanation(Answer):
    """Why a request was allowed, shrunk or denied. `decision` is null until it is decided."""

    request_id: str
    strategy: str
    symbol: str
    side: str
    status: str
    received_at: Moment
    failure: str | None = Field(
        default=None, description="Why it could not be validated yet, or which soft block holds it."
    )
    decision: DecisionFacts | None
    outcome: Outcome | None
    gate_version: str | None = None
    decision_sha256: str | None = None


class State(Answer):
    """The trading state of a scope. `epoch` rises with each change."""

    scope: str
    state: str
    reason: str
    epoch: int
    actor: str | None = None
    changed_at: Moment | None = None
    sealed_at: Moment | None = Field(
        default=None,
        description="Since when the exchange accepts nothing that adds risk; null while it may.",
    )


class SystemStatus(Answer):
    """Whether this system may trade: each trading state, and the lease to trade."""

    account: str
    environment: str
    mode: str
    states: list[State]
    may_add_risk: bool = Field(description="The states allow it, and a lease to trade stands.")
    lease_problem: str | None


class HaltReportFacts(Answer):
    """What a halt has done, and every step that failed or lacks proof."""

    already_halted: bool
    latched_at: Moment
    sealed_at: Moment | None
    parents_stopped: int
    children_cancelled: int
    exits_under_way: int
    orders_cancelled: int
    unresolved: list[str]
    clean_at: Moment | None
    problems: list[str]


class FlatFacts(Answer):
    """How far the closing of positions has come."""

    flat_at: Moment | None
    left: list[str]
    problems: list[str]


class Halt(Answer):
    """A halt from its order to its proof."""

    number: str
    scope: str
    reason: str
    by: str
    asked_at: Moment
    hold: str = Field(
        description="`halted`: nothing that adds risk is claimed any more. `asked`: Postgres has "
        "not answered yet. `journalled`: Postgres can't be written, and this machine's journal "
        "stops entries. `not_halted`: nothing holds."
    )
    known: str | None = Field(description="While Postgres can't be written: what holds.")
    ended_at: Moment | None = Field(description="The end of its last step; null until then.")
    is_proven: bool = Field(description="Everything that was asked for is done and verified.")
    failure: str | None
    report: HaltReportFacts | None
    flat: FlatFacts | None


class Limits(Answer):
    """The limits in force. Values are by section and key; units and origins by `section.key`."""

    environment: str
    mode: str
    version: int
    values: dict[str, Any]
    units: dict[str, str]
    origins: dict[str, str]
    reserved: list[str] = Field(description="Keys that nothing enforces yet.")


def plain(value: Any) -> Any:
    """A value as JSON holds it: amounts and numbers as text, times in UTC, no infinities."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return shortest(value)
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value


def made(kind: type[M], facts: dict[str, Any]) -> M:
    """An answer from facts."""
    return kind.model_validate(plain(facts))
