"""What a pool child inherits and must not keep: the connections of its main to servers.

A replacement is forked from a main that listens and keeps time. With its copies the broker would go on
sending bells to a main that was killed, and a database session of the main would end when the child throws
away the object that it never opened. The copies are replaced, not closed: a number that was closed could be
given to a connection of our own, which the inherited object would then close.

Left alone is what several processes may use: pipes and pairs of sockets, which are the pool's, what sends
single messages (syslog, counts by UDP), what listens, and the standard streams, which under systemd are
connections. So is whatever the child opened itself: another receiver may have been told of its birth first.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import NamedTuple

INTERNET = {socket.AF_INET, socket.AF_INET6}
STANDARD_STREAMS = range(3)


class Identity(NamedTuple):
    """What is behind a number: numbers are given anew, this is not."""

    device: int
    inode: int


INHERITED: dict[int, Identity] | None = {}
"""The sockets that were open when this process was forked; None if that could not be found out."""


def remember() -> None:
    """In every process that is forked, before anything else."""
    global INHERITED
    INHERITED = None
    INHERITED = {number: found for number in open_descriptors() if (found := socket_behind(number))}


os.register_at_fork(after_in_child=remember)


def drop_connections() -> int:
    """Once, in a new child; how many there were."""
    if INHERITED is None:
        raise OSError("What was inherited is not known.")
    streams = {socket_behind(number) for number in STANDARD_STREAMS}
    inherited = [
        number
        for number, found in INHERITED.items()
        if found not in streams and socket_behind(number) == found and is_connection(number)
    ]
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for number in inherited:
            os.dup2(nothing, number, inheritable=False)
    finally:
        os.close(nothing)
    return len(inherited)


def open_descriptors() -> list[int]:
    """The numbers of whatever this process has open."""
    return [int(found.name) for found in Path("/dev/fd").iterdir()]


def socket_behind(number: int) -> Identity | None:
    """Which socket that is; None if it is something else, or closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return Identity(found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def is_connection(number: int) -> bool:
    """Whether a socket leads to a server, or is about to."""
    copy = os.dup(number)
    try:
        found = socket.socket(fileno=copy)
    except OSError:  # of a sort that Python does not know
        os.close(copy)
        return False
    with found:
        if found.type != socket.SOCK_STREAM:
            return False
        if found.family in INTERNET:
            return not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        # The ends of a pair have no names.
        return found.family == socket.AF_UNIX and bool(name_of_peer(found))


def name_of_peer(found: socket.socket) -> object:
    """Where a connection leads; None where it leads nowhere."""
    try:
        return found.getpeername()
    except OSError:
        return None
