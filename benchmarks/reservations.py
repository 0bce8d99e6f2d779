"""The cap under contention: processes that reserve and release at random on one account.

`python -m benchmarks.reservations` is 8 processes x 10,000 reservations under the gate's lock;
`--gate` lets every reservation be a whole decision. It ends with status 1 if a total above the
cap was seen by anybody, or if a reservation was lost or doubled.
"""

import argparse
import sys

from models import migrate
from tests.support.reserving import CAP, run
from tests.support.services import postgres_server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--each", type=int, default=10_000, help="reservations per process")
    parser.add_argument("--gate", action="store_true", help="whole decisions, not the ledger alone")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with postgres_server() as server:
        url = server.create_database()
        migrate.upgrade(url)
        result = run(
            url,
            processes=options.processes,
            each=options.each,
            gate=options.gate,
            seed=options.seed,
        )
    for error in result.errors:
        print(error, file=sys.stderr)
    print(
        f"{options.processes} processes x {options.each} "
        f"{'decisions' if options.gate else 'reservations'} in {result.seconds:.1f} s "
        f"({result.asked / result.seconds:.0f}/s): {result.granted} granted, "
        f"{result.released} released"
    )
    print(f"highest total {result.highest_total:.2f} of {CAP:.2f}")
    print(f"held at the end {result.held_at_end:.2f}, expected {result.expected_at_end:.2f}")
    print(f"each: p50 {result.quantile(0.5):.1f} ms, p99 {result.quantile(0.99):.1f} ms")
    sound = result.highest_total <= CAP and result.held_at_end == result.expected_at_end
    return 0 if sound and not result.errors else 1


if __name__ == "__main__":
    sys.exit(main())
