"""Bybit's answer codes and what each means for its request."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

HTTP_BAN = "http_403"
"""Code of the error for HTTP 403: all calls of this address must stop."""


class RetCodeClass(StrEnum):
    """The reaction to a code. Names are stored with refused orders."""

    OK_IDEM = "OK_IDEM"
    """The wanted state already holds: done."""
    THROTTLE = "THROTTLE"
    """Not processed; wait, then the same request again."""
    CLOCK = "CLOCK"
    """Not processed; our clock is off: synchronise, then the same request again."""
    RECONCILE = "RECONCILE"
    """Outcome unknown or state differs: look first. For a read: try again."""
    REJECT = "REJECT"
    """Final for this intent."""
    RISK = "RISK"
    """Final, and nothing more that raises exposure in this symbol or account."""
    SYMBOL = "SYMBOL"
    """The symbol can't be traded now; exits may still be allowed."""
    FATAL = "FATAL"
    """Stop trading on this account and call a person."""


def _rows(table: Mapping[RetCodeClass, Iterable[int]]) -> dict[int, RetCodeClass]:
    return {code: cls for cls, codes in table.items() for code in codes}


# Sources: the texts of Bybit's error page, and `docs/bybit.md` for what each class means.
RET_CODES: Mapping[int, RetCodeClass] = MappingProxyType(
    _rows(
        {
            RetCodeClass.OK_IDEM: (0, 20001, 34040, 110025, 110026, 110027, 110043),
            RetCodeClass.THROTTLE: (
                *(10006, 10018, 10403, 20003, 30035, 170005, 170222),
                10019,  # WebSocket: the trade service restarts and did not take this request
            ),
            RetCodeClass.CLOCK: (-1, 10002),
            RetCodeClass.RECONCILE: (
                *(429, 10429, 10000, 10014, 10016, 20006, 3400214),
                *(110072, 170141, 110030),  # duplicate id: the order may exist, adopt it
                *(40004, 110079, 170144, 170191, 170212),  # busy: being modified or cancelled
                *(110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213),  # gone
                *(110005, 110034),  # the position is not what we thought
                *(170001, 170007, 170032, 170035, 170146, 170147, 170149, 170150),
                *(170234, 170310, 170311),
            ),
            RetCodeClass.REJECT: (
                *(10001, 10404, 110017),
                *(30208, 30209, 110003, 110116, 110120, 110121, 170132, 170133, 170134),
                *(170192, 170193, 170194, 170371, 170372),  # price outside band or filter
                *(110009, 110020, 110061, 170810),  # too many orders: a leak of ours
                *(110019, 110032, 110057, 110058, 110059, 110060, 110064, 110092, 110093),
                *(170115, 170116, 170117, 170130, 170201, 170202, 170203, 170204),
                *(170312, 170313, 110094, 170140, 110108, 110109, 110118, 110119, 170355),
                *(170124, 170136, 170137, 170148, 170341, 170381, 170382),
                *(170197, 170198, 170199, 170200, 170228, 170229, 170210, 170218),
            ),
            RetCodeClass.RISK: (
                *(110004, 110006, 110007, 110012, 110014, 110044, 110045),
                *(110051, 110052, 110053, 170033, 170131, 176015),  # funds or margin
                *(110011, 110039, 110040, 110046),  # would liquidate
                *(110013, 110021, 110047, 110048, 110085, 110086, 110087, 110089, 110090),
                *(3400139, 110124, 170207),
            ),
            RetCodeClass.SYMBOL: (
                *(10029, 170209, 170219, 170348),  # whitelist, region
                *(110022, 110023, 110042, 30228, 110137),  # only reducing allowed
                *(110063, 110066, 110070, 110074, 110095, 110098, 110099, 110100, 110103),
                *(110132, 110136, 170031, 170121, 170221, 170151, 170157, 170159),
                *(170206, 170217, 170358),
            ),
            RetCodeClass.FATAL: (
                *(400, 401, 404, 10017),  # our bug, or a key of another environment
                *(10003, 10004, 10005, 10007, 10010, 33004, -2015),  # key, signature, permission
                *(10008, 10009, 10024, 10027, 10028, 100028, 110123, 110125, 3100197),
                *(110024, 110028, 110029, 110054, 110055, 110056),  # position mode: configuration
                *(110068, 110069, 110080, 110101, 110102, 110104, 110105, 110106, 110107),
                *(110131, 170215, 170216, 170220, 170223, 170226, 170230, 170224, 170227),
            ),
        }
    )
)

# Documented for accounts, margin modes and products that we don't use. A definite no, and a
# surprise, of which people are told (`is_unexpected`).
_UNEXPECTED: frozenset[int] = frozenset(
    {
        *(30133, 30134, 30135, 30136, 30256, 110015, 110016, 110018, 110031, 110033, 110035),
        *(110036, 110037, 110038, 110041, 110049, 110050, 110062, 110065, 110067, 110071),
        *(110073, 110075, 110076, 110077, 110078, 110082, 110083, 110088, 110096, 110097),
        *(110110, 110111, 110112, 110113, 110114, 110115, 110117, 110135),
        *(170010, 170011, 170019, 170034, 170036, 170037, 170105, 170145, 170195, 170196),
        *(170241, 170344, 170346, 170359, 170360, 170709, 181017),
        *(182011, 182100, 182101, 182102, 182103, 182108, 182110, 182111, 182112),
        *(500010, 500011, 3100181, 3100326, 3200316, 3200317, 3200320, 3200403, 3200419),
        *(3200425, 3200641, 3400052, 3400053, 3400054, 3400071, 3400208, 3400209, 3400210),
        *(3400211, 3400212, 3400213, 3401010),
    }
)

GONE_CODES: frozenset[int] = frozenset(
    {110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213}
)
"""The order is not there any more, finished or cancelled: no error for a cancel."""

# The one parameter error that is not about this order but about the account's configuration.
_WRONG_POSITION_MODE = "position idx not match position mode"


def classify(code: int, *, write: bool, message: str = "") -> RetCodeClass:
    """The class of a retCode. An unknown code on a write may have had an effect: RECONCILE."""
    if code == 10001 and _WRONG_POSITION_MODE in message.lower():
        return RetCodeClass.FATAL
    known = RET_CODES.get(code)
    if known is not None:
        return known
    if code in _UNEXPECTED or not write:
        return RetCodeClass.REJECT
    return RetCodeClass.RECONCILE


def classify_http(status: int, *, write: bool) -> RetCodeClass:
    """The class of an HTTP status other than 200."""
    if status == 403:  # the IP's rate limit; other causes show as its persistence
        return RetCodeClass.THROTTLE
    if status in (400, 401, 404):
        return RetCodeClass.FATAL
    if 400 <= status < 500 and status != 429 and not write:
        return RetCodeClass.REJECT
    return RetCodeClass.RECONCILE


def is_unexpected(code: int) -> bool:
    """Whether the code should never occur in the products and modes that we use."""
    return code not in RET_CODES
