"""The replayed book against a plain dictionary model."""

from hypothesis import given
from hypothesis import strategies as st

from paper_exchange.engine.markets.book import MAX_WAITING, Book, SideBook

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


@given(
    sign=st.sampled_from([1, -1]),
    acts=st.lists(st.tuples(LEVELS, st.sampled_from(["", "", "snapshot", "take"])), max_size=12),
)
def test_updates_that_wait_for_a_reader_give_the_same_book(
    sign: int, acts: list[tuple[list[tuple[int, int]], str]]
) -> None:
    seldom, always = SideBook(sign), SideBook(sign)
    for levels, act in acts:
        for book in (seldom, always):
            if act == "snapshot":
                book.replace(levels)
            else:
                book.update(levels)
            best = book.best_available() if act == "take" or book is always else None
            if act == "take" and best is not None:
                book.consume(best, book.available(best))
    assert list(seldom.levels()) == list(always.levels())
    assert (seldom.sizes, seldom.keys, seldom.taken) == (always.sizes, always.keys, always.taken)


def test_updates_without_a_reader_do_not_wait_for_ever() -> None:
    book = SideBook(1)
    for price in range(10 * MAX_WAITING):
        book.update([(price + 1, 1), (price, 0)])
    assert book.depth(2) == [(10 * MAX_WAITING, 1)]
    assert len(book._sizes) == 1


def test_a_swept_level_stays_swept_while_the_replay_shows_nothing_new() -> None:
    book = SideBook(-1)
    book.replace([(101, 5), (102, 5)])
    book.consume(101, 5)
    assert book.best_available() == 102
    for same in ([(102, 4)], [(101, 5)], [(101, 3)]):
        book.update(same)
        assert book.best_available() == 102
    book.replace([(101, 3), (102, 4)])
    assert book.best_available() == 102


def test_a_level_that_grows_shows_its_growth_and_one_that_ends_begins_anew() -> None:
    book = SideBook(-1)
    book.replace([(101, 5), (102, 5)])
    book.consume(101, 5)
    book.update([(101, 7)])
    assert book.depth(1) == [(101, 2)]
    book.update([(101, 0)])
    book.update([(101, 5)])
    assert book.depth(1) == [(101, 5)]
    book.consume(101, 5)
    book.replace([(102, 5)])
    book.replace([(101, 5), (102, 5)])
    assert book.depth(1) == [(101, 5)]


def test_a_shrinking_level_loses_what_we_consumed_of_it_in_proportion() -> None:
    book = SideBook(1)
    book.replace([(100, 10)])
    book.consume(100, 5)
    book.update([(100, 6)])
    assert book.depth(1) == [(100, 3)]
    book.update([(100, 10)])
    assert book.depth(1) == [(100, 7)]


def test_a_snapshot_forgets_levels_that_it_does_not_have() -> None:
    book = SideBook(1)
    book.replace([(100, 5), (99, 5)])
    book.consume(100, 2)
    book.replace([(100, 5), (98, 0)])
    assert book.depth(5) == [(100, 3)]


def test_a_shift_moves_the_prices_that_we_see_and_keeps_the_replays_own() -> None:
    book = Book()
    book.bids.replace([(100, 5)])
    book.asks.replace([(102, 5)])
    book.set_shift(3)
    assert (book.bids.depth(1), book.asks.depth(1)) == ([(103, 5)], [(105, 5)])
    book.asks.consume(105, 5)
    assert book.asks.best_available() is None
    book.asks.update([(102, 6)])
    assert book.asks.best_available() == 105
    assert book.doubled_mid() == 202
