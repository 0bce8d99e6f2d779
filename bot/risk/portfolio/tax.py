"""Tax lots: purchases with time and cost, and the estimated tax of an exit's gain.

Information alone: no size and no check reads it. An estimate from the parameters, no tax advice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from bot.risk.portfolio.kinds import LotOrder
from bot.risk.portfolio.parameters import RiskParameters
from models.amounts import ZERO
from models.enums import TradeSide
from models.messages import parse_plain_decimal

NOTE = "an estimate from the parameters, no tax advice"


def threshold_day(opened: date, threshold_days: int) -> date:
    """The first day on which a lot has been held long enough.

    Whole years are calendar months: twelve months of a leap year are 366 days. For 29 February, a
    day that the next year lacks, the months end with 28 February and 1 March is the first day.
    """
    years, days = divmod(threshold_days, 365)
    if days or not years:
        return date.fromordinal(opened.toordinal() + threshold_days)
    try:
        return opened.replace(year=opened.year + years)
    except ValueError:
        return date(opened.year + years, 3, 1)


@dataclass(frozen=True, slots=True)
class TaxLot:
    """A part of a position: signed quantity, its price, and its share of fees in quote currency."""

    qty: Decimal
    price: Decimal
    fee: Decimal
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LotExit:
    """The part of one lot in an exit."""

    qty: Decimal
    price: Decimal
    opened_at: datetime
    held_days: int
    gain: Decimal
    """Fees taken off."""
    discount_eligible: bool
    near_threshold: bool
    """Whether the lot lacks only a few days for the discount."""
    eligible_on: date


@dataclass(frozen=True, slots=True)
class ExitTax:
    """The realised gain of an exit, by lot, and its tax by the parameters."""

    symbol: str
    lots: tuple[LotExit, ...]
    estimated_tax: Decimal
    """Never negative: a loss is not paid back."""
    order: LotOrder
    note: str = NOTE

    @property
    def qty(self) -> Decimal:
        """The quantity that the exit closes, in base units."""
        return sum((lot.qty for lot in self.lots), ZERO)

    @property
    def gain(self) -> Decimal:
        """The realised gain of all lots in quote currency; a loss is negative."""
        return sum((lot.gain for lot in self.lots), ZERO)

    @property
    def near_threshold(self) -> bool:
        """Whether a lot is about to be held long enough for the discount."""
        return any(lot.near_threshold for lot in self.lots)

    @property
    def discount_eligible(self) -> bool:
        """Whether every lot of the exit is held long enough."""
        return bool(self.lots) and all(lot.discount_eligible for lot in self.lots)

    @property
    def sentence(self) -> str:
        """The estimate as one sentence for people."""
        near = [lot.eligible_on.isoformat() for lot in self.lots if lot.near_threshold]
        soon = f"; held long enough for the discount from {min(near)}" if near else ""
        return f"Estimated tax of this exit: {self.estimated_tax:f} ({self.note}){soon}."


@dataclass
class TaxLots:
    """Open lots and realised gains of one account, in memory."""

    params: RiskParameters = field(default_factory=RiskParameters)
    realised: list[ExitTax] = field(default_factory=list)
    _open: dict[str, list[TaxLot]] = field(default_factory=dict)

    def open_lots(self, symbol: str) -> tuple[TaxLot, ...]:
        """The symbol's open lots, in the order in which they were bought."""
        return tuple(self._open.get(symbol, ()))

    def record(
        self,
        symbol: str,
        side: TradeSide,
        qty: Decimal,
        price: Decimal,
        at: datetime,
        fee: Decimal = ZERO,
    ) -> ExitTax | None:
        """Books a fill. The closing part is realised and returned; the remainder opens a lot."""
        closed = self.estimate(symbol, side, qty, price, at, fee)
        left = qty
        if closed is not None:
            left -= closed.qty
            self._take(symbol, closed.qty)
            self.realised.append(closed)
        if left > ZERO:
            opened = TaxLot(left * side.sign, price, fee * left / qty, at)
            self._open.setdefault(symbol, []).append(opened)
        return closed

    def estimate(
        self,
        symbol: str,
        side: TradeSide,
        qty: Decimal,
        price: Decimal,
        at: datetime,
        fee: Decimal = ZERO,
    ) -> ExitTax | None:
        """The gain that this trade would realise now; None when it closes nothing."""
        parts: list[LotExit] = []
        left = qty
        for lot in self._ordered(symbol):
            if lot.qty * side.sign >= ZERO or left <= ZERO:
                break
            taken = min(left, abs(lot.qty))
            parts.append(self._exit(lot, taken, price, at, fee * taken / qty))
            left -= taken
        if not parts:
            return None
        tax = estimated_tax(parts, self.params)
        return ExitTax(symbol, tuple(parts), tax, self.params.order_of_lots)

    def _exit(
        self, lot: TaxLot, qty: Decimal, price: Decimal, at: datetime, fee: Decimal
    ) -> LotExit:
        sign = 1 if lot.qty > ZERO else -1
        opened, closed = lot.opened_at.astimezone(UTC).date(), at.astimezone(UTC).date()
        eligible_on = threshold_day(opened, self.params.cgt_discount_threshold)
        days_left = (eligible_on - closed).days
        return LotExit(
            qty=qty,
            price=lot.price,
            opened_at=lot.opened_at,
            held_days=(closed - opened).days,
            gain=(price - lot.price) * qty * sign - fee - lot.fee * qty / abs(lot.qty),
            discount_eligible=days_left <= 0,
            near_threshold=0 < days_left <= self.params.cgt_near_days,
            eligible_on=eligible_on,
        )

    def _ordered(self, symbol: str) -> list[TaxLot]:
        """Open lots, the first to be closed first; equal ones as they were booked."""
        lots, order = self._open.get(symbol, []), self.params.order_of_lots
        if order is LotOrder.LIFO:
            return lots[::-1]
        if order is LotOrder.HIGHEST_COST:
            return sorted(lots, key=lambda lot: -lot.price if lot.qty > ZERO else lot.price)
        if order is LotOrder.LONGEST_HELD:
            return sorted(lots, key=lambda lot: lot.opened_at)
        return list(lots)

    def _take(self, symbol: str, qty: Decimal) -> None:
        """Removes the closed quantity from the same lots that the estimate named."""
        for lot in self._ordered(symbol):
            if qty <= ZERO:
                break
            taken = min(qty, abs(lot.qty))
            place = next(i for i, each in enumerate(self._open[symbol]) if each is lot)
            rest = abs(lot.qty) - taken
            if rest > ZERO:
                sign = 1 if lot.qty > ZERO else -1
                fee = lot.fee * rest / abs(lot.qty)
                self._open[symbol][place] = TaxLot(rest * sign, lot.price, fee, lot.opened_at)
            else:
                del self._open[symbol][place]
            qty -= taken
        if not self._open.get(symbol):
            self._open.pop(symbol, None)


def estimated_tax(parts: Iterable[LotExit], params: RiskParameters) -> Decimal:
    """The rate on the gains. Losses come off gains without discount first, then off the others."""
    plain = discounted = losses = ZERO
    for part in parts:
        if part.gain < ZERO:
            losses -= part.gain
        elif part.discount_eligible:
            discounted += part.gain
        else:
            plain += part.gain
    left = max(ZERO, losses - plain)
    plain = max(ZERO, plain - losses)
    discounted = max(ZERO, discounted - left)
    taxed = plain + discounted * (1 - parse_plain_decimal(params.cgt_discount))
    return taxed * parse_plain_decimal(params.tax_rate)
