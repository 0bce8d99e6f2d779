"""What the exporter shows between two readings: ages grow, permissions end, figures stay."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_strictly
from prometheus_client.parser import text_string_to_metric_families as parsed

from workers.exporter import catalogue as c
from workers.exporter.board import Board
from workers.exporter.catalogue import CATALOGUE, MOST_SERIES
from workers.exporter.metric import Figures, Kind


class Seconds:
    """A count of seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(board: Board) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(board)
    families = parsed(generate_latest(registry).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(board: Board, name: str, **labels: str) -> float:
    return shown(board)[name, frozenset(labels.items())]


def test_before_the_first_reading_nothing_is_allowed_and_the_sources_are_down() -> None:
    clock = Seconds()
    board = Board(clock)
    clock.now += 5
    assert value(board, "mlrisk_lease_standing") == value(board, "mlrisk_trading_allowed") == 0
    for source in c.SOURCES:
        assert value(board, "mlrisk_up", source=source) == 0
        assert value(board, "mlrisk_source_age_seconds", source=source) == 5
    assert not board.readiness().ready
    assert "Postgres was not read for 5 s" in board.readiness().reasons[0]


def test_ages_grow_and_what_allows_trading_ends_when_a_source_stays_away() -> None:
    clock = Seconds()
    board = Board(clock)
    figures: Figures = {
        (c.EQUITY, ()): (5.0,),
        (c.EQUITY_AGE, ()): (2.0,),
        (c.DUE_AGE, ()): (0.0,),
        (c.LEASE, ()): (4.0,),
        (c.MAY_ADD, ()): (10.0,),
    }
    board.post(c.STATE, figures, clock.now)
    board.post_readiness((), 4.0, clock.now)
    assert board.readiness().ready
    assert value(board, "mlrisk_lease_standing") == 1
    clock.now += 5
    board.fail(c.STATE, "OperationalError")
    assert value(board, "mlrisk_up", source="state") == 0
    assert value(board, "mlrisk_source_failures_total", source="state") == 1
    assert value(board, "mlrisk_equity") == 5, "what was known is still shown"
    assert value(board, "mlrisk_equity_age_seconds") == 7
    assert value(board, "mlrisk_outbox_oldest_age_seconds") == 0, "nothing is due"
    assert value(board, "mlrisk_lease_standing") == 0
    assert value(board, "mlrisk_trading_allowed") == 1
    assert board.readiness().reasons == ("the lease to trade has lapsed since the last reading",)
    clock.now += 6
    assert value(board, "mlrisk_trading_allowed") == 0
    assert "OperationalError" in board.readiness().reasons[0]


def test_the_reasons_are_those_of_the_reading() -> None:
    clock = Seconds()
    board = Board(clock)
    board.post(c.STATE, {}, clock.now)
    board.post_readiness(("global * is halted: drill",), 0.0, clock.now)
    assert board.readiness().reasons == ("global * is halted: drill",)


def test_the_largest_answer_stays_within_the_budget_and_is_valid_in_both_formats() -> None:
    """Every label full, with more names than are kept, and each hostile."""
    clock = Seconds()
    board = Board(clock)
    figures: Figures = {}
    for metric in CATALOGUE:
        if metric in (c.UP, c.SOURCE_AGE, c.SOURCE_SECONDS, c.SOURCE_FAILURES, c.SERIES):
            continue
        size = len(metric.buckets) + 2 if metric.kind is Kind.HISTOGRAM else 1
        for number in range(500):
            values = tuple(
                f'{number}"}}\n\\ \x1b'
                if label.is_free
                else (*label.values, "?")[(number // 7**place) % (len(label.values) + 1)]
                for place, label in enumerate(metric.labels)
            )
            figures[metric, values] = (1.0,) * size
    board.post(c.ROWS, figures, clock.now)
    found = shown(board)
    assert 800 < len(found) <= MOST_SERIES
    assert value(board, "mlrisk_exporter_series") == len(found) - 1
    registry = CollectorRegistry(auto_describe=False)
    registry.register(board)
    families = list(parsed_strictly(openmetrics(registry).decode()))
    assert len(families) == len(CATALOGUE)


def test_buckets_are_cumulated_and_end_with_all() -> None:
    clock = Seconds()
    board = Board(clock)
    counts = [0.0] * (len(c.LATENESS.buckets) + 1)
    counts[0], counts[2], counts[-1] = 3.0, 2.0, 1.0
    board.post(c.ROWS, {(c.LATENESS, ()): (*counts, 99.5)}, clock.now)
    name = "mlrisk_slice_lateness_seconds"
    assert value(board, f"{name}_bucket", le="0.01") == 3
    assert value(board, f"{name}_bucket", le="0.05") == 5
    assert value(board, f"{name}_bucket", le="+Inf") == value(board, f"{name}_count") == 6
    assert value(board, f"{name}_sum") == 99.5
