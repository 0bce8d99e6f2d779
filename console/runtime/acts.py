"""The authority of each command: it only looks, needs a login, or acts without one for a reason.

A command that acts and is not named here is refused (`console.context.settings_to_act`). A test
compares the whole command line with this table.
"""

from collections.abc import Mapping

from typer import Context

LOOKS = frozenset(
    {
        *("status", "screen", "requests", "show", "tca", "explain", "whatif", "replay", "blocks"),
        *("metrics", "doctor", "schema request", "volume show"),
        *("audit verify", "audit search", "audit export", "audit prove", "audit verifier"),
        *("config show", "config validate", "config diff", "config history", "order list"),
        *("breaker list", "breaker status", "breaker report"),
        *("operator list", "operator acts", "parked list", "position list"),
        *("strategy list", "strategy show", "strategy acl"),
        *("codes list", "alert list", "alert show", "token list"),
        *("report daily", "drill list", "drill peaks", "limits list"),
    }
)

BY_LOGIN: Mapping[str, str] = {
    "resume": "resume",
    "recover": "resume",
    "breaker reset": "reset_breaker",
    "config propose": "loosen_limits",
    "config approve": "approve_limits",
    "config reject": "loosen_limits",
    "order resume": "release_work",
    "order forget": "forget_order",
    "parked release": "release_work",
    "alert ack": "acknowledge_alerts",
    "position adopt": "adopt_position",
    "operator add": "manage_operators",
    "operator disable": "manage_operators",
    "operator reset": "manage_operators",
    "strategy set": "manage_strategies",
    "strategy promote": "promote_strategy",
    "strategy demote": "manage_strategies",
    "codes create": "resume",
    "codes revoke": "resume",
    "token create": "manage_strategies",
    "token revoke": "manage_strategies",
    "audit archive": "archive_audit",
    "selfassess": "record_assessment",
}
"""Commands that need a login outside development, each with its power
(`bot.authority.actors.Power`)."""

WITH_OPTION: Mapping[str, str] = {"selfassess": "--record"}
"""Commands that act, and need their login, with one option alone."""

OPEN: Mapping[str, str] = {
    "halt": "it stops entries, and must never wait for a login",
    "drill halt": (
        "it stops a paper account alone, and its --resume takes the authority of `mlrisk resume`"
    ),
    "drill stress": "it trades on a paper account alone, and the gate decides each request",
    "limits calibrate": "it stores a report, and changes no limit",
    "order pause": "it places nothing more of one order",
    "order cancel": "it places nothing more of one order",
    "parked end": "a parked request does nothing, and never will afterwards",
    "submit": "it asks the gate, which decides",
    "volume train": "it spreads a trade over its time, within every limit",
    "up": (
        "its processes trade under the limits and states of the database, and a halt stays in force"
    ),
    "down": "it stops everything",
    "web": "its link lets this machine's user in where acts need no login, and nobody elsewhere",
    "demo": "it trades on the paper exchange alone",
    "paper-exchange": "it is no part of the running system",
    "migrate": "it takes the database owner's address",
    "strategy add": (
        "it takes the supervisor's password of Redis, and the gate decides the request"
    ),
    "strategy key": "it takes the master secret of message keys",
    "strategy remove": "it takes the supervisor's password of Redis, and ends connections",
}
"""Commands that act without a login, each with the reason."""

SIGNS = frozenset({"halt", "drill halt", "drill stress", "limits calibrate"})
"""Open commands that sign their report where an operator logs in."""


def require_declared(ctx: Context) -> None:
    """Raises LookupError for a command that acts and is in neither table."""
    name = path_of(ctx)
    if name not in BY_LOGIN and name not in OPEN:
        raise LookupError(f"console/runtime/acts.py does not say which power `mlrisk {name}` needs")


def path_of(ctx: Context) -> str:
    """The words that name a command, without the program's."""
    return ctx.command_path.removeprefix(ctx.find_root().command_path).strip()
