"""Find ports on the loopback address, and tell whether one is taken."""

import secrets
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST = 10_000
TRIES = 200


def free_port() -> int:
    """A port nobody listens on now. Nobody holds it for us: bind soon, or ask again.

    Taken from below the range that outgoing connections use: while a server there is down, a client that
    tries to reconnect could be given the server's own port, connect to itself and keep the server out.
    """
    above = lowest_outgoing_port() - LOWEST
    for _ in range(TRIES if above > 0 else 0):
        port = LOWEST + secrets.randbelow(above)
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A port in TIME_WAIT is free for a server: every server we start sets this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def lowest_outgoing_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return LOWEST
