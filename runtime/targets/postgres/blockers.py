"""Session that waits -> the tenants' sessions it waits for, ended.

A tenant may lock what the agent needs with nothing but the rights that PostgreSQL gives everybody: the row of its own
role in an open transaction, or another's role or schema by naming it in default privileges. Rules kept: only sessions
of roles that Conductor made, and of those who may act as one of them, are ended, only those that are waited for, and
only after a moment in which honest work ends by itself. Whoever waits already stands first in PostgreSQL's queue, so a
tenant that comes again comes after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from runtime.contract.errors import ConductorError
from runtime.targets.postgres.locks import Connection

PATIENCE = 1.0
"""Seconds that a tenant's transaction may keep an action waiting."""
_PAUSE = 0.1

_END = """
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles u ON u.oid = a.usesysid
 WHERE a.pid = ANY(pg_blocking_pids(%s)) AND NOT u.rolsuper AND u.rolname <> current_user
   AND EXISTS (SELECT FROM conductor_locks.object o JOIN pg_roles r ON r.rolname = o.name
                WHERE o.kind = 'role' AND o.mark IS NOT NULL AND pg_has_role(u.oid, r.oid, 'MEMBER'))
"""


@contextmanager
def ending_blockers(pid: int, reach: Callable[[], Connection]) -> Iterator[None]:
    """Watch over the session `pid` meanwhile; `reach` opens the session that does it, if it comes to that."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(pid, reach, done), name="blockers", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(pid: int, reach: Callable[[], Connection], done: threading.Event) -> None:
    if done.wait(PATIENCE):
        return
    # without it, the action's own time limit says what is in the way
    with suppress(psycopg.Error, ConductorError), reach() as connection:
        while not done.wait(_PAUSE):
            connection.execute(_END, [pid])
