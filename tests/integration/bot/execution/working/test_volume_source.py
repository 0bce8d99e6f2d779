"""A model trained on a running exchange's past steers by that exchange's newest minutes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.steered_vwap import SteeredVwap
from bot.execution.algorithms.stepping import Place, Progress, Terms, Touch
from bot.execution.working.volume_models import ModelFile
from bot.execution.working.volume_source import VolumeSource
from bot.market.volume import MODELS_FILE
from bot.market.volume.reading import read_exchange
from bot.market.volume.store import dumps
from bot.market.volume.training import train
from models.enums import TradeSide
from paper_exchange.testing import PaperExchangeProcess

pytestmark = pytest.mark.services
D = Decimal
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


@pytest.fixture(scope="module")
def exchange() -> Iterator[BybitExchange]:
    with PaperExchangeProcess("--market", "synthetic") as server:
        config = BybitConfig(
            api_key=SecretStr(server.api_key),
            api_secret=SecretStr(server.api_secret),
            mode=BybitMode.PAPER,
            endpoint=server.url,
        )
        client = BybitExchange(config)
        try:
            yield client
        finally:
            client.close()


@pytest.mark.long
def test_the_paper_exchanges_past_trains_models_that_steer_an_order_on_it(
    exchange: BybitExchange, tmp_path: Path
) -> None:
    now = exchange.server_time()
    file = tmp_path / MODELS_FILE
    panel = read_exchange(exchange, SYMBOLS, now - timedelta(days=14), now)
    file.write_text(dumps(train(panel)))
    source = VolumeSource(ModelFile(file), exchange)
    start_at = now - timedelta(minutes=5)
    deadline_at = start_at + timedelta(minutes=30)
    forecast = source.forecast(
        "BTCUSDT", model="learned", start_at=start_at, deadline_at=deadline_at, now=now
    )
    assert (len(forecast.traded), len(forecast.expected)) == (5, 26)
    # The synthetic BTCUSDT turns over some hundred units a minute.
    assert 1.0 < forecast.volume(start_at, deadline_at) / 30 < 10_000.0
    stepper = SteeredVwap(Terms(TradeSide.BUY, D(10**6), D("0.1")), 60, forecast)
    progress = Progress(D(1), D(0), (), start_at, deadline_at, datetime.now(UTC))
    book = Touch(D(100), D("100.1"), D(1), D(1), D(0))
    rules = LotRules(D("0.001"), D("0.001"), D(100), D(5))
    placed = [a for a in stepper.step(progress, book, rules) if isinstance(a, Place)]
    assert stepper.source == "learned"
    assert len(placed) == 1
    assert 0 < placed[0].qty < 1
