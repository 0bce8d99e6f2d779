"""One round trip with freqtrade: entry, stop on the exchange, exit. Then no further entry."""

from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class OneRound(IStrategy):
    """Buys at once, and sells as soon as its stop rests on the exchange."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {"0": 10.0}
    stoploss = -0.05
    startup_candle_count = 5
    process_only_new_candles = False

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Needs none."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Every bar is a reason to buy."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """The exit is `custom_exit`."""
        return dataframe

    def confirm_trade_entry(self, pair: str, *args: Any, **kwargs: Any) -> bool:
        """Only the first entry."""
        return not Trade.get_trades_proxy(pair=pair, is_open=False)

    def custom_exit(
        self, pair: str, trade: Trade, current_time: datetime, *args: Any, **kwargs: Any
    ) -> str | None:
        """Sells once the stop rests on the exchange."""
        return "stop_seen" if trade.has_open_sl_orders else None
