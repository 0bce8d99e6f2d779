"""Cross margin: risk tiers, initial and maintenance margin on the mark price, and free margin."""

from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from functools import lru_cache

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.settings import EngineSettings
from paper_exchange.types import InstrumentSpec


@dataclass(frozen=True, slots=True)
class RiskTier:
    """One row of `market/risk-limit`; rates are fractions."""

    tier: int
    limit: Decimal
    maintenance_rate: Decimal
    initial_rate: Decimal
    max_leverage: Decimal
    deduction: Decimal


@lru_cache(maxsize=2048)
def _tiers(
    max_leverage: Decimal, base: Decimal, width: Decimal, count: int
) -> tuple[RiskTier, ...]:
    rows: list[RiskTier] = []
    deduction = ZERO
    for number in range(1, count + 1):
        initial = (number / max_leverage).quantize(Decimal("0.000001"), ROUND_UP)
        maintenance = base * initial
        if rows:
            deduction += width * (number - 1) * (maintenance - rows[-1].maintenance_rate)
        top = max(Decimal(1), (max_leverage / number).quantize(Decimal("0.01")))
        rows.append(RiskTier(number, width * number, maintenance, initial, top, deduction))
        if top == 1:
            break
    return tuple(rows)


def risk_tiers(spec: InstrumentSpec, settings: EngineSettings) -> tuple[RiskTier, ...]:
    """The risk tiers, all of equal width.

    Their rates grow in proportion, as in Bybit's published tables. The deduction makes maintenance
    margin continuous in the position's value.
    """
    return _tiers(
        spec.max_leverage,
        settings.maintenance_base,
        settings.risk_tier_value,
        settings.risk_tiers,
    )


def tier_for(value: Decimal, spec: InstrumentSpec, settings: EngineSettings) -> RiskTier:
    """The tier of a position value. A value beyond the last tier belongs to the last one."""
    tiers = risk_tiers(spec, settings)
    index = int(value // settings.risk_tier_value)
    if index and value == index * settings.risk_tier_value:
        index -= 1
    return tiers[min(index, len(tiers) - 1)]


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """Margin of one position and of the orders on it, in quote coin."""

    position_im: Decimal
    order_im: Decimal
    maintenance: Decimal
    unrealised: Decimal


NOTHING = PositionMargin(ZERO, ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class AccountMargin:
    """Margin of the whole account in USD terms."""

    balance: Decimal
    """Collateral plus unrealised PnL."""
    position_im: Decimal
    order_im: Decimal
    maintenance: Decimal
    unrealised: Decimal
    locked: Decimal

    @property
    def initial(self) -> Decimal:
        """Initial margin of positions and orders together."""
        return self.position_im + self.order_im

    @property
    def free(self) -> Decimal:
        """The balance less initial margin and the coins that spot orders lock."""
        return self.balance - self.initial - self.locked


class MarginModel:
    """Computes margin from accounts. It holds nothing but settings."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings

    def initial_of(self, account: Account, position: Position, size: int, mark: Decimal) -> Decimal:
        """Initial margin of a signed size: value / leverage plus the fee to close it."""
        if not size:
            return ZERO
        value = abs(size) * position.market.step * mark
        inverse = 1 / position.leverage
        taker = account.config.linear_taker_rate
        bankrupt = 1 - inverse if size > 0 else 1 + inverse
        return value * inverse + value * bankrupt * taker

    def maintenance_of(self, account: Account, position: Position, mark: Decimal) -> Decimal:
        """The maintenance margin at a mark price, plus the fee to close at the bankruptcy price."""
        if not position.size:
            return ZERO
        value = position.quantity() * mark
        tier = tier_for(value, position.market.spec, self.settings)
        inverse = 1 / position.leverage
        bankrupt = 1 - inverse if position.size > 0 else 1 + inverse
        fee = value * bankrupt * account.config.linear_taker_rate
        return value * tier.maintenance_rate - tier.deduction + fee

    def position_margin(
        self, account: Account, position: Position, buying: int = 0, selling: int = 0
    ) -> PositionMargin:
        """The margin of a position and its orders, with `buying` and `selling` steps added.

        Orders need the margin that the worse side would add. This is the margin of the resulting
        position plus the fee to reach it.
        """
        buys, sells = position.buying + buying, position.selling + selling
        if not (position.size or buys or sells):
            return NOTHING
        mark = position.market.mark()
        if mark is None:
            return NOTHING
        held = self.initial_of(account, position, position.size, mark)
        fee_per_step = position.market.step * mark * account.config.linear_taker_rate
        worst = held
        for steps, side in ((buys, 1), (sells, -1)):
            if steps:
                after = self.initial_of(account, position, position.size + side * steps, mark)
                worst = max(worst, after + steps * fee_per_step)
        return PositionMargin(
            position_im=held,
            order_im=worst - held,
            maintenance=self.maintenance_of(account, position, mark),
            unrealised=position.unrealised(mark),
        )

    def account_margin(
        self,
        account: Account,
        candidate: Position | None = None,
        buying: int = 0,
        selling: int = 0,
        loss: Decimal = ZERO,
    ) -> AccountMargin:
        """The margin of all positions, optionally with one more order on `candidate`."""
        position_im = order_im = maintenance = unrealised = ZERO
        for position in account.positions.values():
            extra = (buying, selling) if position is candidate else (0, 0)
            part = self.position_margin(account, position, *extra)
            position_im += part.position_im
            order_im += part.order_im
            maintenance += part.maintenance
            unrealised += part.unrealised
        collateral = locked = ZERO
        for coin, ratio in self.settings.collateral.items():
            collateral += ratio * account.balance(coin)
            locked += ratio * account.locked.get(coin, ZERO)
        return AccountMargin(
            balance=collateral + unrealised,
            position_im=position_im,
            order_im=order_im + account.order_loss + loss,
            maintenance=maintenance,
            unrealised=unrealised,
            locked=locked,
        )

    def maintenance_after(
        self, account: Account, position: Position, buying: int, selling: int
    ) -> Decimal:
        """The growth of maintenance margin if these steps traded at mark; at least 0."""
        mark = position.market.mark()
        if mark is None:
            return ZERO
        after = replace(position, size=position.size + buying - selling)
        grown = self.maintenance_of(account, after, mark)
        return max(ZERO, grown - self.maintenance_of(account, position, mark))

    def liquidation_price(self, account: Account, position: Position) -> Decimal | None:
        """The mark at which maintenance margin uses up the account's balance, all else unchanged.

        Balance and maintenance margin are linear in this position's mark. The price is where both
        are equal.
        """
        mark = position.market.mark()
        if not position.size or mark is None:
            return None
        total = self.account_margin(account)
        own = self.maintenance_of(account, position, mark)
        own_per_price = own / mark
        slope = position.size * position.market.step - own_per_price
        if not slope:
            return None
        excess = total.balance - total.maintenance
        price = mark - excess / slope
        tick = position.market.tick
        return max(tick, price.quantize(tick)) if price > 0 else None
