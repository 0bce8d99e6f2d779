"""A halt starts at once: it loads no numbers, no queue and no client of an exchange."""

import subprocess
import sys

HEAVY = ("numpy", "pandas", "scipy", "celery", "kombu", "pybit", "requests")
ASK = f"""
import sys
import bot.safety.halting.calling_back, bot.safety.halting.halt
import bot.safety.halting.global_state, bot.safety.halting.sealing
print(sorted(set(sys.modules) & {set(HEAVY)!r}))
"""


def test_the_modules_of_a_halt_load_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
