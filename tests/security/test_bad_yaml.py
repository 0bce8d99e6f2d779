"""YAML of any kind: each way to be wrong is a line with file and place, quickly and in bounds."""

from pathlib import Path

import pytest

from config import bounded_yaml
from config.bounded_yaml import YamlProblem
from config.loading import ConfigError, read
from console.cli import run
from console.errors import ExitCode
from paper_exchange.server.accounts import AccountsError, load_accounts

_BOMB = "\n".join(
    [
        "base:",
        "  emergency_stops:",
        "    a: &a [x, x, x, x, x, x, x, x, x]",
        *(
            f"    {name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "    max_portfolio_drawdown: *i",
    ]
)
_SECTION = "base:\n  emergency_stops:\n    max_portfolio_drawdown: "
BAD = {
    "bomb": (_BOMB.encode(), ":", "aliases expand to more"),
    "holds itself": (_SECTION.encode() + b"&a [*a]", ":3", "contains itself"),
    "deep": (_SECTION.encode() + b"[" * 5000, ":3", "nested deeper"),
    "deep blocks": (b"".join(b" " * n + b"a:\n" for n in range(200)), ":", "nested deeper"),
    "UTF-16": ("base: {}".encode("utf-16"), ":1", "not in UTF-8"),
    "Latin-1": (b"# fine\n# caf\xe9\nbase: {}", ":2", "not in UTF-8"),
    "NUL": (b"base:\n  a: \x00", ":2", "not readable as YAML"),
    "digits": (_SECTION.encode() + b"9" * 5000, ":3", "can't be read"),
    "beyond a float": (_SECTION.encode() + b"9" * 400, ":3", "must be"),
    "infinite": (_SECTION.encode() + b".inf", ":3", "must be"),
    "no day": (_SECTION.encode() + b"2024-99-99", ":3", "can't be read"),
    "wrong tag": (_SECTION.encode() + b"!!int x", ":3", "can't be read"),
    "foreign tag": (_SECTION.encode() + b"!!python/object:os.system x", ":3", "constructor"),
    "twice": (_SECTION.encode() + b"0.1\n    max_portfolio_drawdown: 0.2", ":4", "twice"),
    "two documents": (b"base: {}\n---\nbase: {}", ":2", "another document"),
    "a list as a key": (b"base: {}\n? [a, b]\n: c", ":2", "must be a word"),
    "no end": (b"base: {", ":", "not readable as YAML"),
    "long": (b"# " + b"x" * 1_100_000, "", "is longer than"),
    "huge text": (_SECTION.encode() + b"'" + b"x" * 500_000 + b"'", ":3", "must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_configuration_is_named_with_its_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, place, told = BAD[name]
    path = tmp_path / "limits.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told) as caught:
        found = read(path)
        raise ConfigError(found.problems)
    assert any(f"{path}{place}" in problem for problem in caught.value.problems)
    assert all(len(problem) < 500 for problem in caught.value.problems)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLRISK_CONFIG_PATH", str(path))
    assert run(["up", "--no-demo"]) == ExitCode.USAGE
    assert f"{path}{place}" in capsys.readouterr().err


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("- {uid: a, uid: b}", "the key 'uid' stands here twice"),
        ("- &a [*a]", "anchors and aliases are not supported"),
        ("[" * 100, "nested deeper"),
        ("- uid: " + "9" * 5000, "can't be read"),
        ("- {? {a: b} : c}", "can't be read|unhashable"),
    ],
)
def test_bad_accounts_of_the_paper_exchange_are_named(
    content: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(content)
    with pytest.raises(AccountsError, match=told) as caught:
        load_accounts(path)
    assert f"{path}:1" in str(caught.value)


def test_aliases_that_stand_for_little_are_welcome() -> None:
    assert bounded_yaml.load("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}
    assert bounded_yaml.load("a: &x {k: 1}\nb: {<<: *x, l: 2}") == {
        "a": {"k": 1},
        "b": {"k": 1, "l": 2},
    }
    assert bounded_yaml.load("") is None
    with pytest.raises(YamlProblem):
        bounded_yaml.load("a: [")
