"""How many series a metric can have, and how its numbers are added up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.properties import examples
from workers.exporter.metric import Figures, Kind, Label, Metric, add, add_all, of_bucket

HISTOGRAM = Metric(
    "mlrisk_h_seconds", Kind.HISTOGRAM, "H.", (Label("a", ("x", "y")),), buckets=(1.0,)
)


def test_the_bound_counts_other_and_the_parts_of_a_histogram() -> None:
    assert Metric("a", Kind.GAUGE, "A.").most_series == 1
    assert Metric("a_total", Kind.COUNTER, "A.", (Label("n"),), most=4).most_series == 5
    assert HISTOGRAM.most_series == 3 * (1 + 3)


def test_a_permission_is_shown_as_a_gauge() -> None:
    assert {kind.shown for kind in (Kind.AGE, Kind.WHILE)} == {"gauge"}


@given(
    st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 1), st.integers(1, 9)), max_size=20)
)
@settings(max_examples=examples(30))
def test_the_sum_of_parts_is_the_whole(seen: list[tuple[str, int, int]]) -> None:
    whole: Figures = {}
    halves: list[Figures] = [{}, {}]
    for number, (value, bucket, count) in enumerate(seen):
        numbers = of_bucket(HISTOGRAM, bucket, count, float(count * bucket))
        add(whole, HISTOGRAM, numbers, value)
        add(halves[number % 2], HISTOGRAM, numbers, value)
    add_all(halves[0], halves[1])
    assert halves[0] == whole
