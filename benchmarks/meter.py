"""Run commands from standard input and report what each cost, one JSON line each.

A separate small process on purpose: a child's peak memory counts that of the process
that it was forked from, so what launches the commands must be small. It is the floor of
every peak reported (about 10 MB).
"""

from __future__ import annotations

import json
import os
import sys
import time

for line in sys.stdin:
    order = json.loads(line)
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        source = os.open(order["input"] or os.devnull, os.O_RDONLY)
        target = os.open(order["output"] or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(source, 0)
        os.dup2(target, 1)
        os.dup2(os.open(order["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        try:
            os.execvp(order["command"][0], order["command"])
        finally:
            os._exit(127)
    _, status, usage = os.wait4(child, 0)
    print(
        json.dumps(
            {
                "status": os.waitstatus_to_exitcode(status),
                "cpu": usage.ru_utime + usage.ru_stime,
                "wall": time.perf_counter() - started,
                "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            }
        ),
        flush=True,
    )
