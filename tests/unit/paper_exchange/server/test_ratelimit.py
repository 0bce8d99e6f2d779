from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.server.ratelimit import IpLimiter, UidLimiter

KEY = ("u", "/v5/order/create", "")


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 12))
def test_no_second_ever_holds_more_than_the_limit(gaps: list[int], limit: int) -> None:
    limiter, now, allowed = UidLimiter(), 0, []
    for gap in gaps:
        now += gap
        usage = limiter.take(KEY, limit, now)
        inside = [t for t in allowed if t > now - 1000]
        assert usage.allowed is (len(inside) < limit)
        if usage.allowed:
            allowed.append(now)
            assert usage.remaining == limit - len(inside) - 1
        else:
            assert usage.reset_ms == inside[0] + 1000


def test_a_batch_is_taken_as_far_as_it_fits() -> None:
    limiter = UidLimiter()
    assert limiter.take(KEY, 10, 0, 5).remaining == 5
    part = limiter.take(KEY, 10, 1, 8)
    assert (part.granted, part.remaining, part.reset_ms) == (5, 0, 1000)
    assert not limiter.take(KEY, 10, 2, 2).allowed
    assert limiter.take(KEY, 10, 1000, 8).granted == 5


def test_zero_is_without_limit() -> None:
    limiter = UidLimiter()
    assert all(limiter.take(KEY, 0, 0).allowed for _ in range(1000))


def test_a_breach_bans_the_address_and_only_it() -> None:
    limiter = IpLimiter(3, 600)
    assert [limiter.allow("a", t) for t in (0, 1, 2, 3)] == [True, True, True, False]
    assert not limiter.allow("a", 599_000)
    assert limiter.allow("b", 4)
    assert limiter.allow("a", 600_004)
    limiter.ban("a", 600_005)
    limiter.pardon()
    assert limiter.allow("a", 600_006)
