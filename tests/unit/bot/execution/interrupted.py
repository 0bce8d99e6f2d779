"""A planned schedule that is interrupted, worked on plain rows: what a claim asks, and no more.

Each child is claimed when it is due, some hundredths late, and not during an outage. Fills become
known a while after the child went out. What is read from the rows is what
`bot.execution.sending.claims` reads by its queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from bot.execution.sending import authorization, deferral
from bot.execution.sending.deferral import Deferral, DueChild, Sent
from config.keys.working import WorkingRules
from models.enums import ChildState, ParentState, ScopeKind, TradingState, Verdict
from models.repositories.trading.pre_send import Approval, PreSendFacts
from models.tables import ChildOrderRow, ParentOrderRow, TradingStateRow
from tests.support.fakes import T0

_ACTIVE = TradingStateRow(
    scope_kind=ScopeKind.GLOBAL, scope_key="*", state=TradingState.ACTIVE, epoch=0
)
_LONGEST_LAG_SECONDS = 0.03


def parent_of(
    qty: Decimal,
    *,
    spacing_seconds: float = 60,
    horizon_seconds: float = 600,
    side: str = "buy",
    reduce_only: bool = False,
    stepped: bool = False,
    state: ParentState = ParentState.WORKING,
) -> ParentOrderRow:
    return ParentOrderRow(
        request_id="r-1",
        account="paper",
        strategy="s",
        symbol="BTCUSDT",
        side=side,
        params={"spacing_seconds": spacing_seconds},
        approved_qty=qty,
        filled_qty=Decimal(0),
        released_qty=Decimal(0),
        reduce_only=reduce_only,
        permit_epoch=0,
        state=state,
        stepped=stepped,
        start_at=T0,
        deadline_at=T0 + timedelta(seconds=horizon_seconds),
    )


def child_of(
    parent: ParentOrderRow,
    qty: Decimal,
    planned_at: datetime = T0,
    *,
    slot: int = 0,
    attempt: int = 0,
    style: str = "ioc",
) -> ChildOrderRow:
    return ChildOrderRow(
        request_id=parent.request_id,
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side,
        reduce_only=parent.reduce_only,
        slot=slot,
        attempt=attempt,
        style=style,
        qty=qty,
        planned_at=planned_at,
        due_at=planned_at,
        deadline_at=parent.deadline_at,
        state=ChildState.PLANNED,
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """One claim: `deferral` is None when the child went out."""

    at: datetime
    child: ChildOrderRow
    is_late: bool
    traded: Decimal | None
    deferral: Deferral | None


@dataclass
class Interrupted:
    """`outages` are (from, to); `volume_per_second` None: the market's counter is not known."""

    parent: ParentOrderRow
    children: Sequence[ChildOrderRow]
    rules: WorkingRules
    outages: Sequence[tuple[datetime, datetime]]
    volume_per_second: Decimal | None
    fill_seconds: float
    random: Random
    now: datetime = T0
    claims: list[Claimed] = field(default_factory=list)

    @property
    def sent(self) -> list[Claimed]:
        return [claim for claim in self.claims if claim.deferral is None]

    @property
    def largest(self) -> Decimal:
        return max(child.qty for child in self.children)

    @property
    def spacing(self) -> timedelta:
        return deferral.spacing(self.parent)

    def sent_within(self, after: datetime, until: datetime) -> Decimal:
        """Quantity that went out after the one and not after the other."""
        return sum((c.child.qty for c in self.sent if after < c.at <= until), Decimal(0))

    def run(self) -> "Interrupted":
        while planned := self._planned():
            child = min(planned, key=lambda c: (c.due_at, self.random.random()))
            self.now = max(self.now, child.due_at)
            for start, end in self.outages:
                self.now = end if start <= self.now < end else self.now
            self.now += timedelta(seconds=self.random.random() * _LONGEST_LAG_SECONDS)
            self._claim(child)
        return self

    def _planned(self) -> list[ChildOrderRow]:
        return [child for child in self.children if child.state == ChildState.PLANNED]

    def _claim(self, child: ChildOrderRow) -> None:
        approval = Approval(Verdict.ALLOW, self.parent.approved_qty, T0)
        facts = PreSendFacts(states=[_ACTIVE], approval=approval)
        refusal = authorization.refusal(facts, self.parent, child, self.now)
        if refusal is not None:
            child.state = refusal.state
            return
        self._hear_fills()
        seen = self._circumstances()
        waits = deferral.find_deferral(self.parent, child, seen, None, self.rules)
        is_late = deferral.is_late(child, self.now)
        traded = seen.traded_since_start
        self.claims.append(Claimed(self.now, child, is_late, traded, waits))
        if waits is not None:
            child.due_at = min(waits.until, child.deadline_at)
        else:
            child.state = ChildState.SENDING

    def _hear_fills(self) -> None:
        heard = self.now - timedelta(seconds=self.fill_seconds)
        self.parent.filled_qty = self.sent_within(T0 - timedelta(seconds=1), heard)

    def _circumstances(self) -> DueChild:
        since = self.now - deferral.window(self.parent, None)
        first = self.now - deferral.LATE_AFTER
        on_time = [
            child.qty
            for child in self._planned()
            if first <= child.planned_at <= self.now + self.spacing
        ]
        passed = Decimal(str((self.now - T0).total_seconds()))
        per_second = self.volume_per_second
        return DueChild(
            now=self.now,
            far_touch=None,
            limit=Decimal(100),
            traded_since_start=None if per_second is None else per_second * passed,
            sent=[Sent(c.child.qty, c.at) for c in self.sent if c.at > since],
            on_time=max(on_time, default=Decimal(0)),
            unfit=None,
            exit_under_way=False,
        )
