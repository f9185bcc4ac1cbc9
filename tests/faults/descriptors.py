"""What the open descriptors of a process are: connections by server and state, pipes, files by name."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil


def by_kind(pid: int, servers: dict[int, str]) -> Counter[str]:
    """Kind → how many, e.g. `{"Redis, established": 3, "pipe": 4}`.

    Args:
        pid: Whose.
        servers: Port → name of the server behind it.

    Raises:
        psutil.NoSuchProcess: it is gone.
    """
    connections = {each.fd: each for each in psutil.Process(pid).net_connections("all")}
    found: Counter[str] = Counter()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if connection := connections.get(int(entry.name)):
            found[_connection(connection, servers)] += 1
            continue
        with suppress(FileNotFoundError):  # closed since the folder was read
            found[_other(str(entry.readlink()))] += 1
    return found


def _connection(connection: psutil._common.sconn, servers: dict[int, str]) -> str:
    if isinstance(connection.raddr, str) or isinstance(connection.laddr, str):
        path = connection.raddr or connection.laddr
        return f"unix socket {Path(str(path)).name}".strip()
    ends = [end.port for end in (connection.raddr, connection.laddr) if end]
    name = next((servers[port] for port in ends if port in servers), "another")
    return f"{name}, {connection.status.lower().replace('_', ' ')}"


def _other(target: str) -> str:
    """`pipe:[123]` → `pipe`; `anon_inode:[eventpoll]` → `eventpoll`; a file by its name."""
    if target.startswith("/"):
        return f"file {Path(target).name}"
    return target.removeprefix("anon_inode:").split(":[", 1)[0].strip("[]")
