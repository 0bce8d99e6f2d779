"""The address of a process, and the environment that it starts in."""

import contextlib
import os

import pytest

from paper_exchange import process
from paper_exchange.process import PaperExchangeProcess


def test_the_addresses_name_the_scheme() -> None:
    with contextlib.closing(PaperExchangeProcess(port=8099)) as plain:
        assert (plain.url, plain.ws_url) == ("http://127.0.0.1:8099", "ws://127.0.0.1:8099")


def test_an_installed_package_is_not_put_before_the_standard_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "mine")
    monkeypatch.setattr(process, "_IS_INSTALLED", False)
    assert process._environment()["PYTHONPATH"].endswith(f"{os.pathsep}mine")
    monkeypatch.setattr(process, "_IS_INSTALLED", True)
    assert process._environment()["PYTHONPATH"] == "mine"


def test_a_process_that_does_not_run_has_no_id() -> None:
    with contextlib.closing(PaperExchangeProcess()) as exchange:
        with pytest.raises(RuntimeError, match="not running"):
            _ = exchange.pid
        assert exchange.stop() == 0
