"""The console only looks: it is unable to write."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from console.context import reading
from console.views.live.queries import recent_requests
from tests.support.scene import Scene

pytestmark = pytest.mark.services


def test_the_console_s_session_can_not_write(scene: Scene) -> None:
    with reading(scene.database_url) as session:
        assert recent_requests(session, 5) == ()
        with pytest.raises(DBAPIError, match="read-only transaction"):
            session.execute(text("UPDATE trading_state SET state = 'active'"))
