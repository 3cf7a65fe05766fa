"""A path -> a regular file that is open for reading, or the first bytes of it; whatever else lies there is refused.

Whoever may write beside us can put there a link that leads elsewhere, a pipe that never answers, or a file without end.
Rules kept: nothing is opened through a link, unless a person has named the path; nobody is waited for; no more is read
than the caller has room for.
"""

from __future__ import annotations

import errno
import os
import stat

_ODD = frozenset({errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENOTDIR})


class OddFileError(Exception):
    """What lies there is no regular file: a link, a folder, a pipe, a socket, a device."""


def opened(
    path: str | os.PathLike[str], flags: int = os.O_RDONLY, *, follow: bool = False
) -> tuple[int, os.stat_result]:
    """A descriptor, which the caller closes, and what the file is; raises OSError where there is none, OddFileError.

    `flags` are how it is opened, `follow`: the path may be a link. What is made is its owner's alone.
    """
    flags |= os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno in _ODD:
            raise OddFileError(os.fspath(path)) from None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OddFileError(os.fspath(path))
    return descriptor, status


def content(descriptor: int, status: os.stat_result, limit: int) -> bytes:
    """What an open file has, at most `limit` bytes of it, also where it grows meanwhile."""
    # in a buffer of its own size: one as large as the limit is shrunk to a page, and 10,000 of them are 40 MB
    data = os.read(descriptor, min(limit, status.st_size + 1))
    while len(data) < limit and (more := os.read(descriptor, min(limit - len(data), len(data) + 1))):
        data += more
    return data


def read(path: str | os.PathLike[str], limit: int, *, follow: bool = False) -> bytes:
    """The first `limit` bytes of a file; raises OSError where there is none, OddFileError."""
    descriptor, status = opened(path, follow=follow)
    try:
        return content(descriptor, status, limit)
    finally:
        os.close(descriptor)
