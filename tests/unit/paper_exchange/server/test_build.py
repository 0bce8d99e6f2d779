"""An exchange is built from its options, and its files lie where they are asked for."""

from pathlib import Path

import pytest

from paper_exchange.server.build import JOURNAL_NAME, Options, build
from paper_exchange.server.faults.catalogue import FaultError


async def test_a_state_directory_holds_the_journal_and_the_state(tmp_path: Path) -> None:
    built = build(Options(market="synthetic", symbols=("BTCUSDT",), state_dir=tmp_path))
    await built.start()
    assert built.url.endswith(f":{built.port}")
    await built.stop()
    journal = (tmp_path / JOURNAL_NAME).read_text(encoding="utf-8")
    assert '"start"' in journal and '"stop"' in journal
    assert len(list(tmp_path.iterdir())) > 1


async def test_two_runs_never_use_the_same_ids() -> None:
    options = Options(market="synthetic", symbols=("BTCUSDT",), balances="USDT=1000")
    first, second = (build(options).server.exchange.venue.engine.world for _ in range(2))
    assert first.uuid("order") != second.uuid("order")
    assert first.ids > 0 and first.seq > 0


async def test_an_unknown_fault_ends_the_start() -> None:
    with pytest.raises(FaultError, match="nonsense"):
        build(Options(market="synthetic", symbols=("BTCUSDT",), faults=("nonsense",)))
