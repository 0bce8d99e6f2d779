"""Every row of `tests/scenarios/sizing.yaml`, and what the formulas refuse."""

from collections.abc import Callable
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.risk.sizing import (
    adaptive_alpha,
    bet_size,
    conformal_rank,
    ensemble_entropy,
    fixed_risk_quantity,
    kelly_fraction,
    population_stability_index,
    size_for_impact,
    sqrt_impact,
    tail_risk,
)

ROWS: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[4] / "tests" / "scenarios" / "sizing.yaml").read_text()
)


def _fixed_risk(row: dict[str, Any]) -> None:
    def number(key: str, default: str) -> Decimal:
        value = row.get(key, default)
        return Decimal(default if value == "any" else str(value))

    quantity = fixed_risk_quantity(
        equity=number("equity", "1000000"),
        entry=number("entry", "1.1"),
        stop=number("stop", "1.0"),
        risk=number("risk", "0.01"),
        batch=number("batch", "1"),
        hard_limit=Decimal(row["hard_limit"]) if "hard_limit" in row else None,
        units=row.get("units", 1),
    )
    assert quantity == Decimal(row.get("qty", row.get("qty_each")))


def _bet_sizes(row: dict[str, Any]) -> None:
    assert [round(bet_size(p), 3) for p in row["p"]] == row["m"]


def _kelly(row: dict[str, Any]) -> None:
    assert [kelly_fraction(p, row["b"]) for p in row["p"]] == pytest.approx(row["f"])


def _impact(row: dict[str, Any]) -> None:
    found = [sqrt_impact(q, 1e9, 0.03, 1.0) * 1e4 for q in row["Q"]]
    assert found == pytest.approx(row["bps"], abs=0.05)
    back = [size_for_impact(bps / 1e4, 1e9, 0.03, 1.0) for bps in found]
    assert back == pytest.approx(row["Q"])


def _ensemble(row: dict[str, Any]) -> None:
    entropy = ensemble_entropy(row["probs"])
    assert entropy.total == pytest.approx(row["total"], abs=0.0005)
    assert entropy.aleatoric == pytest.approx(row.get("aleatoric", row["total"]), abs=0.0005)
    assert entropy.epistemic == pytest.approx(row["epistemic"], abs=0.0005)


def _conformal(row: dict[str, Any]) -> None:
    pairs = zip(row["n"], row["alpha"], strict=True)
    assert [conformal_rank(n, alpha) for n, alpha in pairs] == row["rank"]


def _adaptive(row: dict[str, Any]) -> None:
    alpha, path = 0.1, []
    for missed in (True, True, True, False, False):
        alpha = adaptive_alpha(alpha, 0.1, 0.01, missed=missed)
        path.append(alpha)
    assert path == pytest.approx(row["alpha_path"])


def _tail(row: dict[str, Any]) -> None:
    for q, var, es in zip(row["q"], row["var"], row["es"], strict=True):
        found = tail_risk(q, shape=0.25, scale=0.01, threshold=0.03, exceedance_share=0.05)
        assert found.value_at_risk == pytest.approx(var, abs=5e-6)
        assert found.expected_shortfall == pytest.approx(es, abs=5e-6)


def _psi(row: dict[str, Any]) -> None:
    found = population_stability_index(row["actual"], [0.25] * 4)
    assert found == pytest.approx(row["psi"], abs=0.0005)


_BY_KEY: dict[str, Callable[[dict[str, Any]], None]] = {
    "entry": _fixed_risk,
    "m": _bet_sizes,
    "f": _kelly,
    "bps": _impact,
    "probs": _ensemble,
    "rank": _conformal,
    "alpha_path": _adaptive,
    "var": _tail,
    "psi": _psi,
}


@pytest.mark.parametrize("row", ROWS, ids=[f"row-{i}" for i in range(len(ROWS))])
def test_the_row_holds(row: dict[str, Any]) -> None:
    handlers = [handler for key, handler in _BY_KEY.items() if key in row]
    assert len(handlers) == 1, "each row is of one kind"
    handlers[0](row)


@given(low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_likelier_win_never_gets_a_smaller_bet(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0.0 <= bet_size(low) <= bet_size(high) <= 1.0


@given(
    q=st.floats(1, 1e9), volume=st.floats(1e3, 1e12), sigma=st.floats(1e-4, 1), y=st.floats(0.1, 2)
)
def test_the_size_for_an_impact_has_that_impact(
    q: float, volume: float, sigma: float, y: float
) -> None:
    impact = sqrt_impact(q, volume, sigma, y)
    assert size_for_impact(impact, volume, sigma, y) == pytest.approx(q, rel=1e-9)


def test_no_impact_allows_nothing_and_no_volatility_allows_everything() -> None:
    assert size_for_impact(0.0, 1e9, 0.03, 1.0) == 0.0
    assert size_for_impact(0.001, 1e9, 0.0, 1.0) == inf


def test_a_sure_win_is_a_full_bet_and_a_coin_is_none() -> None:
    assert bet_size(1.0) == 1.0
    assert bet_size(0.5) == 0.0
    assert kelly_fraction(0.4, 1.0) == 0.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_members_never_dispute_less_than_nothing(members: list[float]) -> None:
    entropy = ensemble_entropy(members)
    assert 0.0 <= entropy.epistemic <= entropy.total + 1e-12


def test_too_few_scores_make_an_infinite_interval() -> None:
    assert conformal_rank(8, 0.1) is None
    assert conformal_rank(9, 0.1) == 9


def test_an_empty_bin_is_the_largest_possible_shift() -> None:
    assert population_stability_index([0.5, 0.5], [1.0, 0.0]) == inf


@pytest.mark.parametrize(
    "call",
    [
        lambda: bet_size(1.5),
        lambda: kelly_fraction(0.5, 0.0),
        lambda: ensemble_entropy([1.5]),
        lambda: conformal_rank(10, 0.0),
        lambda: tail_risk(0.5, shape=0.2, scale=0.01, threshold=0.03, exceedance_share=0.05),
        lambda: tail_risk(0.99, shape=1.0, scale=0.01, threshold=0.03, exceedance_share=0.05),
    ],
)
def test_what_has_no_answer_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()


def test_a_tail_without_shape_is_exponential() -> None:
    thin = tail_risk(0.99, shape=0.0, scale=0.01, threshold=0.03, exceedance_share=0.05)
    nearly = tail_risk(0.99, shape=1e-9, scale=0.01, threshold=0.03, exceedance_share=0.05)
    assert thin.value_at_risk == pytest.approx(nearly.value_at_risk, rel=1e-6)
