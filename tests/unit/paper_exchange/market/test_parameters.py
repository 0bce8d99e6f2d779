"""The rules of the synthetic instruments are those of the exchange."""

from paper_exchange.market.synthetic import SyntheticMarket


def test_rules_agree_with_the_facts() -> None:
    specs = {spec.key: spec for spec in SyntheticMarket().instruments()}
    btc = specs["linear", "BTCUSDT"]
    assert (str(btc.tick_size), str(btc.qty_step), str(btc.min_notional)) == ("0.1", "0.001", "5")
    assert btc.raw["lotSizeFilter"]["qtyStep"] == "0.001"
    assert specs["spot", "ETHUSDT"].raw["lotSizeFilter"]["basePrecision"] == "0.00001"
