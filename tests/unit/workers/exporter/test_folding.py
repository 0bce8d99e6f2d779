"""However many names others invent, and whatever stands in them, the series stay bounded."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.properties import examples
from workers.exporter import catalogue as c
from workers.exporter.folding import LONGEST, Folding, clean
from workers.exporter.metric import OTHER, Figures, Kind, Label, Metric

HOSTILE = ("", OTHER, 'a"} 1\nmlrisk_up 9', "a\\", "\x1b[2J", "x" * 10_000, "\u202eabc", "'; DROP")
COUNTED = Metric("mlrisk_x_total", Kind.COUNTER, "X.", (Label("strategy"),), most=3)
AGED = Metric("mlrisk_y_seconds", Kind.AGE, "Y.", (Label("name"),), most=3)


def test_names_beyond_the_bound_are_added_up_and_nothing_is_lost() -> None:
    figures: Figures = {(COUNTED, (f"s{n}",)): (float(n),) for n in range(10)}
    folded = Folding().fold(figures)
    assert {values for _, values in folded} == {("s0",), ("s1",), ("s2",), (OTHER,)}
    assert sum(number for (number,) in folded.values()) == 45.0


def test_a_name_keeps_its_series_when_others_come_before_it() -> None:
    folding = Folding()
    folding.fold({(COUNTED, ("z",)): (1.0,)})
    figures: Figures = {(COUNTED, (f"a{n}",)): (1.0,) for n in range(9)}
    folded = folding.fold({**figures, (COUNTED, ("z",)): (5.0,)})
    assert folded[COUNTED, ("z",)] == (5.0,)
    assert folded[COUNTED, (OTHER,)] == (7.0,)


def test_of_ages_the_largest_counts() -> None:
    folded = Folding().fold({(AGED, (f"n{n}",)): (float(n),) for n in range(10)})
    assert folded[AGED, (OTHER,)] == (9.0,)


def test_a_word_outside_of_the_vocabulary_is_other() -> None:
    folded = Folding().fold({(c.DECISIONS, ("allow",)): (1.0,), (c.DECISIONS, ("x",)): (2.0,)})
    assert folded == {(c.DECISIONS, ("allow",)): (1.0,), (c.DECISIONS, (OTHER,)): (2.0,)}


def test_two_names_that_look_alike_when_cut_are_one_series() -> None:
    folded = Folding().fold({(COUNTED, ("x" * 70 + tail,)): (1.0,) for tail in "ab"})
    assert folded == {(COUNTED, ("x" * LONGEST,)): (2.0,)}


def test_what_steers_a_terminal_is_shown_as_its_code() -> None:
    for name in HOSTILE:
        assert clean(name).isprintable()
        assert len(clean(name)) <= LONGEST


@given(st.dictionaries(st.text() | st.sampled_from(HOSTILE), st.integers(0, 99), max_size=30))
@settings(max_examples=examples(50))
def test_the_sum_is_kept_and_the_bound_holds_for_any_names(names: dict[str, int]) -> None:
    folded = Folding().fold({(COUNTED, (name,)): (float(n),) for name, n in names.items()})
    assert len(folded) <= COUNTED.most_series
    assert sum(number for (number,) in folded.values()) == sum(names.values())
