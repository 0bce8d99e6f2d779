"""Each part of the snapshot's statement fills in the account data that it names."""

import re
from datetime import UTC, datetime
from decimal import Decimal

from models.repositories.trading import snapshot_query
from models.repositories.trading.snapshot_facts import AccountFacts
from models.repositories.trading.snapshot_readers import READERS

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
D = Decimal


def test_every_part_of_the_statement_has_a_reader_and_every_reader_a_part() -> None:
    parts = re.findall(r"SELECT '(\w+)'", snapshot_query._STATEMENT.text)
    assert set(parts) == READERS.keys()


def test_the_strictest_share_of_a_recovery_counts() -> None:
    facts = AccountFacts()
    for share in ("0.5", "0.25", "1"):
        READERS["recovery"](facts, ["account", "main"], [D(share)], AT)
    READERS["recovery"](facts, ["global", "*"], [D("0.75")], AT)
    assert facts.recoveries == {("account", "main"): D("0.25"), ("global", "*"): D("0.75")}


def test_numbers_keep_their_places() -> None:
    facts = AccountFacts()
    READERS["equity"](facts, [], [D(1000), D(400)], AT)
    READERS["in_flight"](facts, [], [D(30), D(7)], AT)
    READERS["equity_day"](facts, [], [D(990), D(1010)], AT)
    READERS["position"](facts, ["BTCUSDT"], [D(-1), D(60000), D(90000), D(61000)], AT)
    READERS["reserved"](facts, ["BTCUSDT", "buy", "false"], [D(2), D(120000)], AT)
    assert (facts.equity, facts.available, facts.equity_at) == (1000, 400, AT)
    assert (facts.resting_notional, facts.filled_since) == (30, 7)
    assert (facts.equity_day_start, facts.equity_peak) == (990, 1010)
    (held,) = facts.positions
    assert (held.symbol, held.qty, held.entry_price) == ("BTCUSDT", -1, 60000)
    (reserved,) = facts.reservations
    assert (reserved.side, reserved.reduce_only) == ("buy", False)


def test_an_unfit_account_keeps_its_reasons() -> None:
    facts = AccountFacts()
    READERS["fitness"](facts, ["false", "hedge mode"], [], AT)
    assert facts.fitness == (False, "hedge mode", AT)
