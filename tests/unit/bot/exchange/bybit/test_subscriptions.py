"""Subscriptions: one request a symbol, and a refusal costs its own symbol alone."""

from bot.exchange.bybit.subscriptions import Subscriptions

TOPICS = ("orderbook.50.AUSDT", "tickers.AUSDT", "orderbook.50.BUSDT")


class Socket:
    """Takes requests and names them by their number."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def subscribe(self, topics: list[str]) -> set[str]:
        self.asked.append(topics)
        return {f"q{len(self.asked)}"}


def begun(*, partial: bool) -> tuple[Subscriptions, Socket]:
    found = Subscriptions(TOPICS, partial=partial, retry_first=0.0, retry_last=0.0)
    socket = Socket()
    found.begin(socket)
    return found, socket


def test_a_symbols_topics_are_asked_for_together() -> None:
    _, socket = begun(partial=True)
    assert socket.asked == [["orderbook.50.AUSDT", "tickers.AUSDT"], ["orderbook.50.BUSDT"]]
    _, whole = begun(partial=False)
    assert whole.asked == [list(TOPICS)]


def test_a_refused_symbol_is_named_asked_for_again_and_forgotten_when_it_is_taken() -> None:
    found, socket = begun(partial=True)
    assert found.answered("q1", ok=False, text="handler not found") is None
    assert not found.complete
    assert found.answered("q2", ok=True, text="") is None
    assert found.complete and found.any_taken
    assert dict(found.refused) == {"AUSDT": "handler not found"}
    found.ask_again(socket)
    assert socket.asked[-1] == ["orderbook.50.AUSDT", "tickers.AUSDT"]
    assert found.answered("q3", ok=True, text="") is None
    assert not found.refused
    found.ask_again(socket)
    assert len(socket.asked) == 3


def test_with_every_symbol_refused_nothing_is_taken() -> None:
    found, _ = begun(partial=True)
    for request in ("q1", "q2"):
        found.answered(request, ok=False, text="no")
    assert not found.any_taken


def test_a_stream_that_needs_all_its_topics_is_unusable_after_one_refusal() -> None:
    found, _ = begun(partial=False)
    assert found.answered("q1", ok=False, text="no") == "subscribe refused: no"


def test_an_answer_without_an_id_belongs_to_the_oldest_request() -> None:
    found, _ = begun(partial=True)
    found.answered("", ok=False, text="no")
    assert list(found.refused) == ["AUSDT"]
