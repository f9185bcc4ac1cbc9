"""A real RabbitMQ from Debian's package, on free ports and in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from core.embedded.ports import free_port
from tests.waiting import eventually

MISSING = "needs RabbitMQ: apt-get install rabbitmq-server"


def rabbit_script() -> str | None:
    """The plain start script: Debian's own wrapper insists on the system's user."""
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
    return str(found[-1]) if found and shutil.which("erl") else None


class RabbitMQ:
    """One broker, and the epmd it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.dist_port, self.epmd_port = (free_port() for _ in range(3))
        self.process: subprocess.Popen[bytes] | None = None
        self.epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> RabbitMQ:
        script = rabbit_script()
        assert script is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "enabled_plugins").write_text("[].")
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"millrace{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
        }
        # In the foreground, so that it is ours to stop: RabbitMQ would leave one of its own behind.
        self.epmd = subprocess.Popen(["epmd"], env=environment)
        with (self.folder / "rabbit.log").open("wb") as log:
            self.process = subprocess.Popen(
                [script], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(self.is_listening, timeout=60, what=f"RabbitMQ listens; see {self.folder / 'rabbit.log'}")
        return self

    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait(10)
