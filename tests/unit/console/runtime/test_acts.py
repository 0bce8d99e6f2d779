"""Every command says what it may do: look, act by a login, or act for anybody."""

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from bot.authority.actors import Power
from console.cli import app
from console.context import settings_to_act
from console.runtime.acts import BY_LOGIN, LOOKS, OPEN, SIGNS
from tests.support.documents.command_line import commands

ALL = dict(commands(get_command(app)))


def test_every_command_declares_what_it_may_do_and_whose_act_it_is() -> None:
    declared = [*LOOKS, *BY_LOGIN, *OPEN]
    assert sorted(declared) == sorted(ALL), "declare the new command in console/runtime/acts.py"
    assert {*BY_LOGIN.values()} == {*Power}, "each power has an act, and each act a power"
    assert all(OPEN.values())
    assert set(OPEN) >= SIGNS


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_takes_a_login_can_be_given_one_and_nothing_else_asks_for_it(name: str) -> None:
    options = {word for parameter in ALL[name].params for word in parameter.opts}
    assert ({"--operator", "--login-file"} <= options) == (name in BY_LOGIN or name in SIGNS)


def test_a_command_that_acts_and_is_not_declared_is_refused_before_it_acts() -> None:
    new = typer.Typer()
    new.callback()(lambda: None)

    @new.command()
    def loosen(ctx: typer.Context) -> None:
        settings_to_act(ctx, None)

    ended = CliRunner().invoke(new, ["loosen"])
    assert isinstance(ended.exception, LookupError)
    assert "power `mlrisk loosen` needs" in str(ended.exception)
