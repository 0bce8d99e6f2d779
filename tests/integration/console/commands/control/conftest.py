"""A system of which only Postgres is there."""

import pytest

from tests.support.scene import Scene
from workers.supervision.ports import free_port


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene
