"""An account is fit for trading, or refused with all that is wrong with it."""

from typing import Any

import pytest
import requests

from bot.clock import FixedClock
from bot.errors import ExchangeRefused, Refused
from tests.unit.bot.exchange.bybit.bybit_transport import (
    KEY_INFO,
    NOW,
    Transport,
    envelope,
    exchange,
    start_up,
)


def test_a_fit_account_is_ready() -> None:
    exchange(start_up(), FixedClock(NOW)).is_ready()


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"key": KEY_INFO | {"readOnly": 1}}, "api_key", "read-only"),
        (
            {"key": {"readOnly": 0, "permissions": {"ContractTrade": ["Order"]}}},
            "api_key",
            "Position",
        ),
        (
            {
                "key": {
                    "readOnly": 0,
                    "permissions": {
                        "ContractTrade": ["Order", "Position"],
                        "Wallet": ["Withdraw"],
                    },
                }
            },
            "api_key",
            "withdraw",
        ),
        ({"account": {"unifiedMarginStatus": 1}}, "account_type", "unified"),
        (
            {"time": {"timeNano": str(int((NOW.timestamp() - 0.6) * 1e9))}},
            "clock_offset",
            "-600 ms",
        ),
    ],
)
def test_an_unfit_account_is_refused_with_what_is_wrong(
    changes: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(Refused) as caught:
        exchange(start_up(**changes), FixedClock(NOW)).is_ready()
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_flat_account_in_hedge_mode_is_refused_by_its_symbols() -> None:
    """Asked for all positions it shows none; asked for a symbol, one row for each side."""
    sides = [{"positionIdx": index, "size": "0"} for index in (1, 2)]
    account = exchange(start_up(positions={"list": sides}), FixedClock(NOW))
    with pytest.raises(Refused, match="hedge mode") as caught:
        account.is_ready(("BTCUSDT",))
    assert caught.value.code == "hedge_mode"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    account = exchange(
        start_up(key=KEY_INFO | {"readOnly": 1}, account={"unifiedMarginStatus": 1}),
        FixedClock(NOW),
    )
    with pytest.raises(Refused, match=r"read-only.*unified"):
        account.is_ready()


def test_a_key_that_the_exchange_does_not_know_is_refused() -> None:
    def answer(request: requests.PreparedRequest) -> requests.Response:
        if "query-api" in (request.url or ""):
            return envelope(code=10003, msg="API key is invalid.")
        return envelope({"timeNano": str(int(NOW.timestamp() * 1e9))})

    with pytest.raises(Refused) as caught:
        exchange(Transport(answer), FixedClock(NOW)).is_ready()
    assert not isinstance(caught.value, ExchangeRefused)
    assert caught.value.code == "api_key"
