"""The screen's source reads frames, also while Postgres is away."""

import pytest

from config.settings import Settings
from console.screen.source import ViewSource
from tests.support.scene import ACCOUNT, Scene


@pytest.mark.services
def test_the_source_reads_frames_and_survives_the_loss_of_postgres(
    traded: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    source = ViewSource(
        Settings(home=str(tmp_path), database_url=traded.database_url, account=ACCOUNT),  # type: ignore[arg-type]
        {},
    )
    try:
        view = source.read()
        assert view.live is not None
        assert view.live.fill_count == 1
        assert {use.name for use in view.limits} >= {"position_size", "gross_exposure"}
        assert "fills=1" in source.summary()
    finally:
        source.close()
    lost = ViewSource(
        Settings(home=str(tmp_path), database_url="postgresql+psycopg://x:secret@127.0.0.1:1/x"),  # type: ignore[arg-type]
        {},
    )
    try:
        view = lost.read()
        assert view.live is None
        assert "Postgres can't be reached" in (view.problem or "")
        assert "secret" not in (view.problem or "")
        assert lost.summary() == ""
    finally:
        lost.close()
