"""What a configuration refuses, and what it hides."""

import pytest

from tests.unit.bot.exchange.bybit.bybit_transport import config


def test_paper_mode_needs_an_endpoint_and_errors_hide_the_input() -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        config(endpoint=None)
    assert "secret-for-tests" not in str(caught.value)
    with pytest.raises(ValueError, match="endpoint"):
        config(endpoint="ftp://x")
    assert config(endpoint="http://127.0.0.1:5").stream_base == "ws://127.0.0.1:5"


def test_streams_follow_the_endpoint_in_paper_mode_and_an_override_elsewhere() -> None:
    assert config(endpoint="https://paper.example").stream_base == "wss://paper.example"
    live = {"mode": "live", "endpoint": None}
    assert config(**live).stream_base is None
    assert config(**live, stream_endpoint="wss://s.example/").stream_base == "wss://s.example"
    with pytest.raises(ValueError, match="stream_endpoint"):
        config(stream_endpoint="http://x")


def test_a_configuration_never_changes_and_takes_no_unknown_name() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config().recv_window_ms = 1
    with pytest.raises(ValueError, match="recvwindow"):
        config(recvwindow=5)


@pytest.mark.parametrize(
    "change",
    [
        {"recv_window_ms": 0},
        {"adding_window_ms": 5001},
        {"read_timeout_seconds": 0},
        {"market_slippage_percent": "11"},
        {"market_slippage_percent": "0.001"},
        {"category": "inverse"},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        config(**change)
