"""The cost of asking the rate limiter: p50 and p99 of `take()`, through Redis and alone.

Run: `python -m benchmarks.order_budget [--count 5000] [--waiting 1000]`. It starts a Redis of its
own. *granted* has a rate that is never reached; *refused* asks while `--waiting` orders queue.
"""

import argparse
import itertools
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.execution.sending.order_window import WINDOW_MS
from bot.execution.sending.rate_limiter import CAREFUL_MS, RedisOrderRateLimiter, connect
from tests.support.services import free_port, redis_server

ACCOUNT = "benchmark"


@dataclass(frozen=True)
class Rules:
    orders_per_second: int
    exit_reserve: int = 0


UNREACHED = Rules(100_000)
REACHED = Rules(10, 2)


def measure(call: Callable[[], object], count: int) -> dict[str, float]:
    """Microseconds of one call, each timed on its own."""
    times = []
    for _ in range(count):
        before = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - before) / 1e3)
    times.sort()
    return {"p50": times[count // 2], "p99": times[count * 99 // 100]}


def run(url: str, count: int, waiting: int) -> dict[str, dict[str, float]]:
    """One row per way in which `take()` may end."""
    return {
        "Redis, granted": measure(taking(url, UNREACHED, 0), count),
        f"Redis, refused, {waiting} waiting": measure(taking(url, REACHED, waiting), count),
        "alone, granted": measure(taking(_nowhere(), UNREACHED, 0), count),
        f"alone, refused, {waiting} waiting": measure(taking(_nowhere(), REACHED, waiting), count),
    }


def taking(url: str, rules: Rules, waiting: int) -> Callable[[], object]:
    """A call of `take()` on a settled budget of an account of its own, with a queue before it."""
    account = f"{ACCOUNT}-{rules.orders_per_second}-{waiting}"
    rate_limiter = RedisOrderRateLimiter(connect(url), lambda: rules)
    rate_limiter.prepare(account)
    rate_limiter.take(account, order="first", is_exit=False)
    time.sleep(max(CAREFUL_MS, WINDOW_MS) / 1000)
    for number in range(waiting):
        rate_limiter.take(account, order=f"waiting-{number}", is_exit=False)
    if waiting:
        return lambda: rate_limiter.take(account, order=f"waiting-{waiting - 1}", is_exit=False)
    numbers = itertools.count()
    return lambda: rate_limiter.take(account, order=f"order-{next(numbers)}", is_exit=False)


def _nowhere() -> str:
    """The URL of a Redis that isn't there."""
    return f"redis://127.0.0.1:{free_port()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--waiting", type=int, default=1_000)
    options = parser.parse_args()
    with redis_server() as server:
        figures = run(server.url(3), options.count, options.waiting)
    load = os.getloadavg()[0]
    print(
        f"{options.count} calls each, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, load {load:.1f}"
    )
    width = max(map(len, figures))
    for name, row in figures.items():
        print(f"{name:<{width}}  " + "  ".join(f"{k} {v:8.1f} µs" for k, v in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
