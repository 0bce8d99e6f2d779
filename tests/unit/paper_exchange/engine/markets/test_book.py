"""The replayed book against a plain dictionary model."""

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.engine.markets.book import Book, SideBook

LEVELS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=12)


@given(sign=st.sampled_from([1, -1]), updates=st.lists(LEVELS, max_size=8))
def test_levels_are_those_of_a_dictionary_best_first(
    sign: int, updates: list[list[tuple[int, int]]]
) -> None:
    book, model = SideBook(sign), dict[int, int]()
    for levels in updates:
        book.update(levels)
        model.update(levels)
        model = {price: size for price, size in model.items() if size}
        assert list(book.levels()) == sorted(model.items(), key=lambda row: -sign * row[0])


def test_what_is_consumed_comes_back_with_the_levels_next_update_only() -> None:
    book = SideBook(-1)
    book.replace([(101, 5), (102, 5)])
    book.consume(101, 5)
    assert book.best_available() == 102
    book.update([(102, 4)])
    assert book.best_available() == 102
    book.update([(101, 3)])
    assert book.depth(2) == [(101, 3), (102, 4)]


def test_a_snapshot_forgets_everything_before_it() -> None:
    book = SideBook(1)
    book.replace([(100, 5), (99, 5)])
    book.consume(100, 2)
    book.replace([(100, 5), (98, 0)])
    assert book.depth(5) == [(100, 5)]


def test_a_shift_moves_the_prices_that_we_see_and_keeps_the_replays_own() -> None:
    book = Book()
    book.bids.replace([(100, 5)])
    book.asks.replace([(102, 5)])
    book.set_shift(3)
    assert (book.bids.depth(1), book.asks.depth(1)) == ([(103, 5)], [(105, 5)])
    book.asks.consume(105, 5)
    assert book.asks.best_available() is None
    book.asks.update([(102, 1)])
    assert book.asks.best_available() == 105
    assert book.doubled_mid() == 202
