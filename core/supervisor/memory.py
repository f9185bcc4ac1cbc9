"""What is chosen once and kept: ports and secrets, under the system's folder."""

import json
import secrets
from pathlib import Path

from core.embedded.errors import EmbeddedError
from core.embedded.ports import free_port, is_free
from core.embedded.whole import write_whole

WEB_PORT = 8000
SECRET_BYTES = 48


class Ports:
    """Each program has the port it had last time, if that is still free."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ports.json"
        self.chosen = self.read()

    def read(self) -> dict[str, int]:
        try:
            return {str(name): int(port) for name, port in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def choose(self, name: str, preferred: int | None = None) -> int:
        wishes = (self.chosen.get(name), preferred)
        taken = {port for other, port in self.chosen.items() if other != name}
        port = next((wish for wish in wishes if wish and wish not in taken and is_free(wish)), None)
        self.remember(name, port or free_port())
        return self.chosen[name]

    def demand(self, name: str, port: int) -> int:
        if not is_free(port):
            raise EmbeddedError(
                f"Port {port} of 127.0.0.1 is taken: choose another with PORT=…, or leave PORT out "
                "and a free one is found."
            )
        self.remember(name, port)
        return port

    def remember(self, name: str, port: int) -> None:
        self.chosen[name] = port
        write_whole(self.path, json.dumps(self.chosen, indent=1) + "\n")


def secret(folder: Path, name: str, size: int = SECRET_BYTES) -> str:
    """The random text kept under this name, made at first use; only we may read it."""
    path = folder / "secrets" / name
    if not path.exists():
        write_whole(path, secrets.token_urlsafe(size))
    return path.read_text().strip()
