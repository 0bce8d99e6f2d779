"""Pauses between the attempts of a stream."""

from bot.exchange.bybit.reconnects import Reconnects


def test_pauses_grow_to_their_cap_and_are_jittered() -> None:
    pace = Reconnects()
    for failures, longest in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 5.0), (5000, 5.0)]:
        pauses = [pace.pause(failures) for _ in range(50)]
        assert longest / 2 <= min(pauses) <= max(pauses) <= longest
        assert len(set(pauses)) > 1
