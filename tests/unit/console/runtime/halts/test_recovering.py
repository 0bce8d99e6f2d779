"""What still denies after an act is told as what it is, never as markup."""

import pytest

from console.runtime.halts.recovering import tell


def test_trading_is_told_on_or_off_with_every_reason(capsys: pytest.CaptureFixture[str]) -> None:
    tell(())
    assert "ACTIVE: new requests may trade" in capsys.readouterr().out
    tell(("a breaker is tripped", "[bold]not markup[/]"))
    told = capsys.readouterr().out
    assert "NOT trading" in told
    assert "a breaker is tripped" in told
    assert "[bold]not markup[/]" in told
