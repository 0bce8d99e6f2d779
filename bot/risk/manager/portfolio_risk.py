"""The two answers of the unified manager: the size of a position, and the risk of the whole."""

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.clock import Clock
from bot.risk.checks.trade_risk import at_stop
from bot.risk.portfolio.kinds import MarketRegime, PositionSizeMethod
from bot.risk.portfolio.metrics import metrics_of, number, returns_of, values_of
from bot.risk.portfolio.parameters import RiskParameters
from bot.risk.portfolio.regime import regime_of
from bot.risk.portfolio.results import PortfolioRiskMetrics, PositionRisk
from bot.risk.portfolio.series import correlation, daily, last, yearly_volatility
from bot.risk.portfolio.sizing import level_of, shortfall, wanted_share, within
from bot.risk.snapshot import PortfolioView
from models.amounts import ZERO
from models.enums import TradeSide

if TYPE_CHECKING:
    from bot.risk.portfolio.tax import TaxLots

_SIDES = {"buy": TradeSide.BUY, "long": TradeSide.BUY}
_SIDES |= {"sell": TradeSide.SELL, "short": TradeSide.SELL}


class PortfolioRisk:
    """Proposes sizes and approves nothing: a proposed trade still goes through the gate."""

    params: RiskParameters
    clock: Clock
    lots: "TaxLots"

    def view(self) -> PortfolioView:
        """The positions, equity and returns to size with; each manager supplies its own."""
        raise NotImplementedError

    async def calculate_position_size(
        self,
        symbol: str,
        side: str,
        portfolio_value: Decimal | float | str,
        returns: Any,
        method: PositionSizeMethod | str = PositionSizeMethod.VOLATILITY_TARGETING,
        *,
        price: Decimal | float | str | None = None,
        stop_price: Decimal | float | str | None = None,
        requested_size: Decimal | float | str | None = None,
        regime: MarketRegime | str | None = None,
        held_returns: Mapping[str, Any] | None = None,
    ) -> tuple[Decimal, PositionRisk]:
        """The method's notional within the parameters, and its risk.

        `returns` are daily, oldest first. `stop_price` needs `price`. `held_returns` are those of
        other symbols, for the correlation. A size never exceeds `requested_size`. Raises
        ValueError for a side, method, regime or number that can't be read.
        """
        way, known = _side(side), daily(returns)
        value = number(portfolio_value)
        if not value > ZERO:
            raise ValueError("portfolio_value must be above 0")
        found = (
            MarketRegime(regime)
            if regime is not None
            else regime_of(last(known, self.params.regime_detection_window))
        )
        worst = shortfall(way, known)
        stop = None if stop_price is None else _stop(stop_price, price, way)
        loss = stop if stop is not None else _decimal(None if worst is None else worst[1])
        wanted = wanted_share(PositionSizeMethod(method), way, known, self.params)
        asked = None if requested_size is None else number(requested_size)
        size = within(wanted, value, loss, found, self.params, asked=asked)
        share = None if loss is None else size * loss / value
        tax = self._tax(symbol, price)
        return size, PositionRisk(
            symbol=symbol,
            position_size=size,
            risk_amount=None if loss is None else size * loss,
            risk_percentage=share,
            var_1d=None if worst is None else size * Decimal(repr(worst[0])),
            expected_shortfall=None if worst is None else size * Decimal(repr(worst[1])),
            correlation_risk=self._correlation(symbol, known, held_returns),
            volatility=yearly_volatility(last(known, self.params.volatility_lookback)),
            risk_level=level_of(share, self.params),
            tax_impact=None if tax is None else tax.estimated_tax,
            cgt_discount_eligible=None if tax is None else tax.discount_eligible,
            hold_period=self._held_days(symbol),
            regime=found,
        )

    async def calculate_portfolio_risk(
        self, positions: Any = None, market_data: Mapping[str, Any] | None = None
    ) -> PortfolioRiskMetrics:
        """All positions together; without positions, those that this account holds.

        `positions` are signed notionals by symbol, or records of a value, or of a quantity with a
        price. `market_data` has daily returns by symbol, those of the market under `market`, and
        may have a `portfolio_value`. ValueError names a position that can't be read.
        """
        given = {} if market_data is None else dict(market_data)
        account = self.view()
        claimed = given.pop("portfolio_value", None)
        value = number(claimed) if claimed is not None else account.equity or ZERO
        held = values_of(account.positions if positions is None else positions)
        return metrics_of(held, returns_of(given), value, self.params)

    def _correlation(self, symbol: str, own: Any, others: Mapping[str, Any] | None) -> float | None:
        found = [
            correlation(own, daily(returns), self.params.correlation_lookback)
            for other, returns in ({} if others is None else others).items()
            if other != symbol
        ]
        known = [each for each in found if each is not None]
        return max(known) if known and len(known) == len(found) else None

    def _tax(self, symbol: str, price: Any) -> Any:
        """The estimated tax of closing the whole position at this price."""
        lots = self.lots.open_lots(symbol)
        if not lots or price is None:
            return None
        qty = sum((lot.qty for lot in lots), ZERO)
        side = TradeSide.SELL if qty > ZERO else TradeSide.BUY
        return self.lots.estimate(symbol, side, abs(qty), number(price), self.clock.now())

    def _held_days(self, symbol: str) -> int | None:
        opened = [lot.opened_at for lot in self.lots.open_lots(symbol)]
        if not opened:
            return None
        today = self.clock.now().astimezone(UTC).date()
        return (today - min(opened).astimezone(UTC).date()).days


def _side(side: str) -> TradeSide:
    found = _SIDES.get(str(side).lower())
    if found is None:
        raise ValueError(f"side {side!r} is neither buy nor sell")
    return found


def _stop(stop: Any, price: Any, side: TradeSide) -> Decimal:
    if price is None:
        raise ValueError("stop_price needs the price")
    share = at_stop(number(stop), number(price), side.sign)
    if share is None:
        raise ValueError("stop_price is not on the losing side of the price")
    return share


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None or value <= 0.0 else Decimal(repr(value))
