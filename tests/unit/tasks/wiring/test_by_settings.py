"""Keys that are not set make no seal and no check; directories lie in the home by default."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import FixedClock
from bot.market.seal import BrokenSeal
from config.settings import Settings
from tasks.wiring.by_settings import (
    audit_directories,
    heads_file,
    market_seal,
    message_signatures,
)

CLOCK = FixedClock(datetime(2026, 11, 30, 12, tzinfo=UTC))


def test_without_keys_nothing_is_proven() -> None:
    assert market_seal(Settings(), CLOCK) is None
    assert message_signatures(Settings(), CLOCK) is None


def test_two_processes_with_one_key_read_each_others_market_and_no_third_one_does() -> None:
    feed = market_seal(Settings(market_key="a" * 16), CLOCK)
    worker = market_seal(Settings(market_key="a" * 16), CLOCK)
    stranger = market_seal(Settings(market_key="b" * 16), CLOCK)
    assert feed and worker and stranger
    sealed = feed.close("mlrisk:market:BTCUSDT", "{}", 5)
    assert worker.open("mlrisk:market:BTCUSDT", sealed) == "{}"
    with pytest.raises(BrokenSeal):
        stranger.open("mlrisk:market:BTCUSDT", sealed)


def test_the_audits_files_lie_in_the_home_unless_another_disk_is_named(tmp_path: Path) -> None:
    log, witness = audit_directories(Settings(home=tmp_path))
    assert (log.path, witness.path) == (tmp_path / "audit-log", tmp_path / "audit-witness")
    assert heads_file(Settings(home=tmp_path)).path == tmp_path / "audit-heads.jsonl"
    elsewhere = tmp_path / "disk"
    _, witness = audit_directories(Settings(home=tmp_path, audit_witness=elsewhere))
    assert witness.path == elsewhere
