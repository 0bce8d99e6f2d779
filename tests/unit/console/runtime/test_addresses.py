"""The addresses that a person may open show no secret."""

from config.settings import Settings
from console.runtime.addresses import addresses, public_url


def test_user_password_and_query_are_left_out() -> None:
    assert public_url("https://ann:secret@host:8443/path?key=k#x") == "https://host:8443/path"
    assert public_url("http://host/") == "http://host/"


def test_only_what_runs_has_an_address() -> None:
    assert addresses(Settings(), {}) == {}
    found = addresses(Settings(exchange_url="http://u:p@127.0.0.1:8099"), {"flower": 5555})
    assert addresses(Settings(), {"exporter": 9464}) == {"metrics": "http://127.0.0.1:9464/metrics"}
    assert found == {"Flower": "http://127.0.0.1:5555", "exchange": "http://127.0.0.1:8099"}
