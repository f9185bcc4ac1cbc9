"""What a pool child inherits and must not keep: the network connections of its main.

A replacement is forked from a main that listens and keeps time. With its copies the broker would go on
sending bells to a main that was killed, and a database session of the main would end when the child throws
away the object that it never opened. The copies are replaced, not closed: a number that was closed could be
given to a connection of our own, which the inherited object would then close.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

INTERNET = {socket.AF_INET, socket.AF_INET6}


def drop_connections() -> int:
    """Once, in a new child, before it opens anything; how many there were."""
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        inherited = [number for number in open_descriptors() if is_internet(number)]
        for number in inherited:
            os.dup2(nothing, number, inheritable=False)
    finally:
        os.close(nothing)
    return len(inherited)


def open_descriptors() -> list[int]:
    """The numbers of whatever this process has open."""
    return [int(found.name) for found in Path("/dev/fd").iterdir()]


def is_internet(number: int) -> bool:
    """Whether that is a network connection, or listens for some."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return False
    except OSError:  # the folder that was listed is closed by now
        return False
    with socket.socket(fileno=os.dup(number)) as found:
        return found.family in INTERNET
