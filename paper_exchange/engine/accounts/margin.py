"""Cross and isolated margin: risk tiers, initial and maintenance margin, and free margin."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from functools import lru_cache

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.settings import EngineSettings
from paper_exchange.types import InstrumentSpec

STABLE = ("USDT", "USDC", "USD")
"""Coins that count one USD."""


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
    """Computes margin from accounts. It holds settings, and asks for the prices of coins."""

    def __init__(self, settings: EngineSettings, usd_price: Callable[[str], Decimal]) -> None:
        self.settings = settings
        self._usd_price = usd_price

    def worth(self, account: Account, coin: str) -> Decimal:
        """The value of one unit of a coin as collateral, in USD.

        It is 0 for a coin that is no collateral or is switched off. An isolated account's
        collateral are its stable coins.
        """
        ratio = self.settings.collateral.get(coin, ZERO)
        if coin in STABLE:
            return ratio
        if not ratio or account.isolated or coin in account.no_collateral:
            return ZERO
        return ratio * self._usd_price(coin)

    def own_margin(self, account: Account, position: Position) -> Decimal:
        """The margin of an isolated position: entry value / leverage, fee to close, and the extra.

        It is in quote coin, and 0 when the position is flat.
        """
        if not position.size:
            return ZERO
        inverse = 1 / position.leverage
        bankrupt = 1 - inverse if position.size > 0 else 1 + inverse
        fee = position.cost * bankrupt * account.config.linear_taker_rate
        return position.cost * inverse + fee + position.extra

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

    def fits_tier(self, position: Position, steps: int) -> bool:
        """Whether a risk tier allows a position of this size with its leverage."""
        market = position.market
        mark = market.mark()
        if mark is None or steps <= abs(position.size):
            return True
        value = market.quantity(steps) * mark
        tier = tier_for(value, market.spec, self.settings)
        return position.leverage <= tier.max_leverage and value <= tier.limit

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
            position_im=self.own_margin(account, position) if account.isolated else held,
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
        for coin, amount in account.wallet.items():
            held = account.locked.get(coin, ZERO)
            if amount or held:
                worth = self.worth(account, coin)
                collateral += worth * amount
                locked += worth * held
        return AccountMargin(
            # An isolated position's profit is its own until it is realised.
            balance=collateral if account.isolated else collateral + unrealised,
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

    def excess(self, account: Account, position: Position, mark: Decimal) -> Decimal:
        """The balance behind a position less maintenance margin; at 0 it is liquidated."""
        if account.isolated:
            own = self.own_margin(account, position) + position.unrealised(mark)
            return own - self.maintenance_of(account, position, mark)
        total = self.account_margin(account)
        return total.balance - total.maintenance

    def liquidation_price(self, account: Account, position: Position) -> Decimal | None:
        """The mark at which maintenance margin uses up the balance, all else unchanged.

        The balance is the account's, or an isolated position's own. Balance and maintenance margin
        are linear in this position's mark. The price is where both are equal.
        """
        mark = position.market.mark()
        if not position.size or mark is None:
            return None
        own = self.maintenance_of(account, position, mark)
        own_per_price = own / mark
        slope = position.size * position.market.step - own_per_price
        if not slope:
            return None
        price = mark - self.excess(account, position, mark) / slope
        tick = position.market.tick
        return max(tick, price.quantize(tick)) if price > 0 else None
