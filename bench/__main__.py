"""`make bench`: every measurement, each in a process of its own; `python -m bench decide` runs one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

PARTS = ("rules", "decide", "ledger", "backtests", "pages")


def main() -> int:
    """Run the parts that were named, or all; the exit code says whether each gave figures."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}\n")
        return 2
    sys.stdout.write(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()}\n"
    )
    failed = 0
    for part in wanted:
        sys.stdout.write(f"\n== {part}\n")
        sys.stdout.flush()
        failed |= subprocess.run([sys.executable, "-m", f"bench.{part}"], check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
