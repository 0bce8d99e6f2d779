"""No module that the watchdog's process loads can create an order."""

import json
import re
import subprocess
import sys
from pathlib import Path

from bot.execution.orders.identity import PREFIX
from workers.watchdog.watch import OUR_PREFIX

ROOT = Path(__file__).resolve().parents[4]
CREATES = re.compile(r"order/create|order/amend|create-batch|place_order|(?:import|from) pybit")


def loaded() -> dict[str, str]:
    """The modules that the process has when it begins to watch, with their files."""
    code = (
        "import json, sys, workers.watchdog.main;"
        "print(json.dumps({n: getattr(m, '__file__', None) or '' for n, m in sys.modules.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_what_the_process_loads_has_no_call_that_creates_an_order() -> None:
    modules = loaded()
    rooms = {name.split(".")[0] for name in modules}
    assert rooms.isdisjoint({"pybit", "celery", "kombu", "redis", "tasks", "console"})
    forbidden = ("bot.exchange", "bot.execution", "bot.decision", "bot.safety", "bot.account")
    assert not [name for name in modules if name.startswith(forbidden)]
    ours = [Path(file) for name, file in modules.items() if file and _is_ours(Path(file))]
    assert [file for file in ours if "watchdog" in file.parts]
    found = {file.name: CREATES.findall(file.read_text(encoding="utf-8")) for file in ours}
    assert {name: words for name, words in found.items() if words} == {}


def test_the_client_has_four_paths() -> None:
    text = (ROOT / "workers/watchdog/venue.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(/v5/[a-z/-]+)"', text)) == {
        "/v5/user/query-api",
        "/v5/order/realtime",
        "/v5/order/cancel",
        "/v5/order/cancel-all",
    }


def test_it_knows_the_form_of_our_order_ids() -> None:
    assert OUR_PREFIX == PREFIX


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(ROOT) and ".venv" not in file.parts and file.suffix == ".py"
