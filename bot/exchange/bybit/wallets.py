"""The totals of an account in Bybit's rows; REST and the stream share their format."""

from decimal import Decimal

from bot.exchange.bybit import parse
from bot.exchange.protocol import Wallet


def wallet(row: parse.Row, *, settle_coin: str) -> Wallet:
    """Account totals. In isolated margin mode they are empty and the settle coin's own count."""
    coin = _coin(row, settle_coin)
    return Wallet(
        equity=_first(row, "totalEquity", coin, "equity"),
        wallet_balance=_first(row, "totalWalletBalance", coin, "walletBalance"),
        available=_available(row, coin),
        initial_margin=_first(row, "totalInitialMargin", coin, "totalPositionIM", "totalOrderIM"),
        maintenance_margin=_first(row, "totalMaintenanceMargin", coin, "totalPositionMM"),
        unrealised_pnl=_first(row, "totalPerpUPL", coin, "unrealisedPnl"),
        prices=_prices(row),
        settle_coin_only=parse.decimal_or_none(row, "totalEquity") is None,
    )


def _prices(row: parse.Row) -> dict[str, Decimal]:
    """The value of one unit of each held coin; a coin without a readable value is left out."""
    coins = row.get("coin")
    found = {}
    for coin in coins if isinstance(coins, list) else ():
        try:
            name, held = parse.text(coin, "coin"), parse.decimal_or_none(coin, "equity")
            worth = parse.decimal_or_none(coin, "usdValue")
        except parse.UnreadableRow:
            continue  # the totals don't depend on it
        if held and worth and worth / held > 0:
            found[name] = worth / held
    return found


def _coin(row: parse.Row, settle_coin: str) -> parse.Row:
    coins = row.get("coin")
    found = [c for c in coins if c.get("coin") == settle_coin] if isinstance(coins, list) else []
    return found[0] if found else {}


def _first(row: parse.Row, total: str, coin: parse.Row, *fields: str) -> Decimal:
    value = parse.decimal_or_none(row, total)
    if value is not None:
        return value
    return sum((parse.decimal(coin, field) for field in fields), Decimal(0))


def _available(row: parse.Row, coin: parse.Row) -> Decimal:
    total = parse.decimal_or_none(row, "totalAvailableBalance")
    if total is not None:
        return total
    held = sum(
        (parse.decimal_or_none(coin, field) or Decimal(0))
        for field in ("totalPositionIM", "totalOrderIM", "locked", "bonus")
    )
    return parse.decimal(coin, "walletBalance") - held
