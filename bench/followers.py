"""Ten followers of one publisher at the same time, each a process of its own.

All are given their policy at once and fill up with 100,000 signals (1,000,000 with --large). Printed: the signals per
second of all together, the time of the first and the last to be done, and the publisher's CPU time per signal sent.
"""

import sys
import time
from contextlib import ExitStack

from bench.federation import fill, follow, followed_size, introduce, open_local, running, shared_details, stage
from bench.limits import hash_limit, machine
from bench.options import parser
from bench.processes import cost, resident

LIMIT_S = 900.0


def main() -> int:
    """Measure and print."""
    options = parser(__doc__)
    options.add_argument("--followers", type=int, default=10)
    options.add_argument("--signals", type=int, default=100_000)
    args = options.parse_args()
    signals = 10 * args.signals if args.large else args.signals
    print(f"machine: {machine()}")
    with stage() as folder:
        names = [f"follower{number}" for number in range(args.followers)]
        publisher, *followers = introduce(folder, names)
        fill(publisher, signals, details=shared_details(50))
        with running(publisher, *followers), ExitStack() as stack:
            locals_ = [stack.enter_context(open_local(follower)) for follower in followers]
            assert publisher.process is not None
            limit, before = hash_limit(), cost(publisher.process.pid)
            started = time.perf_counter()
            for local in locals_:
                follow(local)
            done = list[float]()
            while locals_:
                full = [local for local in locals_ if followed_size(local) > signals]
                done += [time.perf_counter() - started] * len(full)
                locals_ = [local for local in locals_ if local not in full]
                if time.perf_counter() - started > LIMIT_S:
                    sys.exit("not every follower received everything in time")
                time.sleep(0.05)
            spent = cost(publisher.process.pid).since(before).total
            memory = [resident(follower.process.pid) for follower in followers if follower.process]
    total = signals * args.followers
    print(f"  {args.followers} followers of {signals:,} signals: {total / done[-1]:,.0f} signals/s in all")
    print(f"  first done after {done[0]:.2f} s, last after {done[-1]:.2f} s; hash limit {limit:,.0f} entries/s, shared")
    print(f"  ratio of the sum to the hash limit {total / done[-1] / limit:.2f}")
    print(
        f"  publisher: {spent / total * 1e6:.2f} us of CPU per signal sent; followers {max(memory) / 1e6:.0f} MB each"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
