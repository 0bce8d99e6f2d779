from pathlib import Path

import pytest

from paper_exchange.main import main, options_of, parser

BAD_ACCOUNTS = "- uid: a\n  balancess: {}\n  keys: [{key: k, secret: s}]\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--fault", "nonsense"], "unknown fault"),
        (["--market", "nowhere"], "unknown market"),
        (["--accounts", "bad.yaml"], "did you mean balances?"),
    ],
)
def test_a_start_that_cannot_be_says_why(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(BAD_ACCOUNTS)
    assert main(["--port", "0", *arguments]) == 2
    assert text in caplog.text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--host", "0.0.0.0", "--control"], "use loopback"), (["--speed", "-1"], "negative")],
)
def test_dangerous_options_are_refused(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert text in capsys.readouterr().err


def test_help_names_keys_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    text = capsys.readouterr().out
    for word in ("paper-key", "--state-dir", "truncated_json", "SIGTERM"):
        assert word in text


def test_options_reach_the_server() -> None:
    args = parser().parse_args(["--order-rate", "0", "--ws-ack-ms", "7", "--symbols", "A,B"])
    options = options_of(args)
    assert options.server.order_rate == 0
    assert options.server.ws_ack_delay_seconds == 0.007
    assert options.symbols == ("A", "B")
