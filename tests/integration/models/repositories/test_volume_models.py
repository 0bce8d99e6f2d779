"""The newest stored training counts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.execution.working.volume_models import ModelFile, ModelRows
from bot.market.volume.store import UnreadableModel, dumps
from bot.market.volume.training import train
from models.database import Database
from models.repositories import volume_models
from tests.unit.bot.market.volume.synthetic import panel

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def texts() -> tuple[str, str]:
    """Of two trainings, one after the other."""
    market = panel(6)
    return dumps(train(market.until(market.end_minute - 1440))), dumps(train(market))


def test_the_newest_row_counts_and_a_file_only_while_there_is_none(
    db: Database, tmp_path: Path, texts: tuple[str, str]
) -> None:
    file = tmp_path / "models.json"
    source = ModelRows(db, otherwise=ModelFile(file))
    with pytest.raises(UnreadableModel, match="mlrisk volume train"):
        source.read()
    file.write_text(texts[0])
    first = source.read()
    for text in texts:
        with db.transaction() as session:
            volume_models.add(session, text, source="test", at=datetime.now(UTC))
    newest = source.read()
    assert newest.window_end > first.window_end
    assert source.read() is newest
