"""Connections kept between jobs: the next job of this process that sends goes on over the same one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from workers.engines.smtp.mailer import Mailer
from workers.engines.smtp.server import Server, configured

IDLE_SECONDS = 20.0
"""Servers hang up after five minutes at the earliest, and an idle connection is a place taken."""
MOST = 2


class Kept(NamedTuple):
    """An idle way to a server, the process that opened it, and since when it idles (monotonic)."""

    mailer: Mailer
    process: int
    since: float


_kept: list[Kept] = []


@contextmanager
def borrowed() -> Iterator[Mailer]:
    """A way to the configured server, opened when the first message is sent; kept if all went well."""
    mailer = _take(configured())
    try:
        yield mailer
    except BaseException:
        mailer.drop()  # nobody knows what it was about to hear
        raise
    if mailer.stopped is not None or len(_kept) >= MOST:
        mailer.close()
    else:
        _kept.append(Kept(mailer, os.getpid(), time.monotonic()))


def close_all() -> None:
    """Take leave of every server."""
    while _kept:
        _kept.pop().mailer.close()


def _take(server: Server) -> Mailer:
    while _kept:
        kept = _kept.pop()
        if kept.process != os.getpid():
            kept.mailer.drop()  # the parent's; a QUIT would end its session
        elif kept.mailer.server != server or time.monotonic() - kept.since > IDLE_SECONDS:
            kept.mailer.close()
        else:
            return kept.mailer
    return Mailer(server)
