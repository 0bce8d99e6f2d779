"""The rate limiter's benchmark times each call on its own."""

from benchmarks.order_budget import measure


def test_each_call_is_made_once_and_half_of_them_took_no_longer_than_the_median() -> None:
    calls: list[int] = []
    figures = measure(lambda: calls.append(1), 50)
    assert len(calls) == 50
    assert 0 < figures["p50"] <= figures["p99"]
