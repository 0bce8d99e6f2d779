"""Whether a Bybit account is fit for trading: its clock, key, account type and position mode."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from bot.errors import ExchangeRefused, Refused, RetryLater
from bot.exchange.bybit import parse
from bot.exchange.bybit.config import BybitConfig
from bot.exchange.bybit.session import GuardedSession
from bot.exchange.protocol import CLOCK_OFFSET, HEDGE_MODE

log = logging.getLogger(__name__)

# The answers of today's unified accounts (5, 6 = UTA 2.0); 3 and 4 are UTA 1.0.
_UNIFIED = frozenset({3, 4, 5, 6})


class Readiness:
    """Asks everything that may be wrong; `positions` refuses an account in hedge mode."""

    def __init__(
        self,
        session: GuardedSession,
        config: BybitConfig,
        clock_offset_ms: Callable[[], float],
        positions: Callable[[], object],
    ) -> None:
        self._session = session
        self._config = config
        self._clock_offset_ms = clock_offset_ms
        self._positions = positions

    def check(self, symbols: Sequence[str]) -> None:
        """Checks the clock, the key, the account's type and its position mode.

        See `Exchange.is_ready`.
        """
        # The clock first: with a wrong one every signed call fails and hides the cause.
        self._check_clock()
        found: list[Refused] = []
        for check in (
            self._check_key,
            self._check_account,
            partial(self._check_position_mode, symbols),
        ):
            try:
                check()
            except Refused as error:
                found.append(error)
            except RetryLater:
                if not found:
                    raise
                break  # known faults are reported nevertheless
        if len(found) == 1:
            raise found[0]
        if found:
            raise Refused("; ".join(error.message for error in found), code=found[0].code)

    def _check_clock(self) -> None:
        offset = self._clock_offset_ms()
        if abs(offset) > self._config.max_clock_offset_ms:
            raise Refused(
                f"our clock differs from the exchange's by {offset:.0f} ms "
                f"(allowed {self._config.max_clock_offset_ms})",
                code=CLOCK_OFFSET,
            )

    def _check_key(self) -> None:
        try:
            key = self._session.read("get_api_key_information")
        except ExchangeRefused as error:
            raise Refused(f"the API key is not accepted: {error}", code="api_key") from error
        permissions = key.get("permissions")
        if not isinstance(permissions, dict):
            raise parse.UnreadableRow("permissions", permissions)
        problems = []
        if key.get("readOnly") != 0:
            problems.append("it is read-only")
        missing = {"Order", "Position"} - set(permissions.get("ContractTrade") or ())
        if missing:
            problems.append(f"ContractTrade lacks {', '.join(sorted(missing))}")
        if "Withdraw" in (permissions.get("Wallet") or ()):
            problems.append("it may withdraw, which a trading key must not")
        if problems:
            raise Refused(f"the API key is unfit: {'; '.join(problems)}", code="api_key")

    def _check_position_mode(self, symbols: Sequence[str]) -> None:
        """Asks for each symbol, because the list of all positions is empty for a flat account."""
        self._positions()
        hedged = [symbol for symbol in symbols if self._is_hedged(symbol)]
        if hedged:
            raise Refused(
                f"the account is in hedge mode for {', '.join(hedged)}; one-way mode is needed",
                code=HEDGE_MODE,
            )

    def _is_hedged(self, symbol: str) -> bool:
        try:
            rows = list(
                self._session.pages("get_positions", category=self._config.category, symbol=symbol)
            )
        except ExchangeRefused as error:
            # An unknown symbol makes no account unfit.
            log.warning(
                "the position mode can't be read: %s",
                error,
                extra={"event": "position_mode_not_known", "symbol": symbol},
            )
            return False
        return any(row.get("positionIdx") not in (0, None) for row in rows)

    def _check_account(self) -> None:
        account = self._session.read("get_account_info")
        if account.get("unifiedMarginStatus") not in _UNIFIED:
            raise Refused("the account is not a unified trading account", code="account_type")
