"""The fields of a notebook's dictionaries: unknown ones are refused with the nearest known."""

from bot.risk.manager.fields import all_refused, by_our_names, refused


def test_an_unknown_field_is_refused_with_the_nearest_known_one() -> None:
    (error,) = refused("market_data", {"volatilty": 1, "bid": 2})
    assert error.field == "market_data.volatilty"
    assert "'volatility'" in error.message


def test_what_is_no_mapping_is_refused_as_a_whole() -> None:
    (error,) = refused("signal_data", [1])
    assert (error.field, error.message) == ("signal_data", "must map fields to values")


def test_other_names_are_ours_and_one_value_under_two_names_is_an_error() -> None:
    found, wrong = by_our_names({"mark_price": 3, "best_bid": 1, "volume": None})
    assert found == {"mark": 3, "bid": 1, "volume_24h": None}
    assert not wrong
    _, (error,) = by_our_names({"bid": 1, "best_bid": 1})
    assert error.field == "market_data.best_bid"
    assert "bid" in error.message


def test_sections_are_refused_in_their_order() -> None:
    sections = [("signal_data", {"a1": 1}), ("ml_predictions", {"b1": 2})]
    assert [error.field for error in all_refused(sections)] == [
        "signal_data.a1",
        "ml_predictions.b1",
    ]
