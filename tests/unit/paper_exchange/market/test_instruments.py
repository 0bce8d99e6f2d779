"""Rows in Bybit's shape and specifications say the same in both directions."""

from dataclasses import replace

import pytest

from paper_exchange.market import parameters
from paper_exchange.market.instruments import reply_row, spec_from_reply
from paper_exchange.market.synthetic import specification

EVERY = {i.symbol + i.category: i for i in parameters.INSTRUMENTS + parameters.BAR_INSTRUMENTS}


@pytest.mark.parametrize("instrument", EVERY.values(), ids=EVERY.keys())
def test_a_specification_survives_its_own_reply(
    instrument: parameters.InstrumentParameters,
) -> None:
    spec = specification(instrument)
    again = spec_from_reply(spec.category, reply_row(spec))
    assert replace(again, raw={}) == replace(spec, raw={})
    assert spec.raw == reply_row(spec)
