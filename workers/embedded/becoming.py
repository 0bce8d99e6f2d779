"""Becomes an ordinary user without any right, then another program.

Run as a script by an interpreter in isolated mode, as root: it may import nothing but the standard
library. Its arguments are uid, death signal, the mask of the capability that is kept (0: none), a
directory that is opened for the program ('' for none), and the program with its arguments.
"""

import ctypes
import os
import sys
from pathlib import Path

DIRECTORY_FD = 9
"""The file descriptor of the opened directory in the program."""

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Open the directory while we may, give every right away, and become the program."""
    uid, death_signal, kept = (int(word) for word in arguments[1:4])
    directory, command = arguments[4], arguments[5:]
    if directory:
        os.dup2(os.open(directory, os.O_PATH | os.O_DIRECTORY), DIRECTORY_FD)
    for capability in range(_last_capability() + 1):
        if not kept >> capability & 1:
            _prctl(_PR_CAPBSET_DROP, capability)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_KEEPCAPS, 1 if kept else 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _hold(kept)
    # A file with a set-user-id bit gives nothing either.
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # Last: a change of user clears it.
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    os.execv(command[0], command)  # noqa: S606


def _hold(mask: int) -> None:
    """Hold these capabilities and no others, over the change of program as well."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    sets = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    _checked(_libc.capset(header, sets), "capset")
    for capability in range(mask.bit_length()):
        if mask >> capability & 1:
            _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _last_capability() -> int:
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))


def _prctl(option: int, *values: int) -> None:
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _checked(_libc.prctl(option, *words), f"prctl({option})")


def _checked(status: int, call: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv)
