"""What the tests of halts and audit heads share."""

from pathlib import Path

import pytest

from bot.safety.audit_heads import HeadsFile
from tests.support.heads import KEY


@pytest.fixture
def file(tmp_path: Path) -> HeadsFile:
    """The file of a home that notes the audit's heads."""
    return HeadsFile(tmp_path / "heads.jsonl", KEY)
