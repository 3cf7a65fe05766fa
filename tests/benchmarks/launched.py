"""`python -IS launched.py FD COMMAND...`: run it, and write its wall seconds, peak MiB and exit code to FD, as JSON.

A program of its own, and a small one: the kernel says of a process that it had at least the memory of whoever started
it, and a benchmark that has imported what it measures has more than that takes.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Run the command; it has our folder, our environment and our standard streams."""
    report, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(report, False)  # noqa: FBT003 -- the library's own form
    start = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    took = time.perf_counter() - start
    os.write(report, json.dumps([took, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]).encode())


if __name__ == "__main__":
    main()
