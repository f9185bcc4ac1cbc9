"""A real web process: uvicorn with our ASGI application, on a port of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import psutil
from django.conf import settings

from core.embedded.ports import LOOPBACK, free_port
from tests.waiting import eventually
from tests.worker_process import ROOT, database_url


class WebProcess:
    """One process that answers requests."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.log = log
        self.port = free_port()
        self.environment = {
            **os.environ,
            "DATABASE_URL": f"{database_url()}?application_name=web-of-test",
            "PUBLIC_URL": self.url,
            "SECRET_KEY": settings.SECRET_KEY,  # sessions that the test makes are good there
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> WebProcess:
        command = [
            sys.executable, "-m", "uvicorn", "core.asgi:application", "--host", LOOPBACK, "--port",
            str(self.port), "--no-access-log",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        eventually(self.is_up, timeout=30, what=f"the web process answers; see {self.log}")
        return self

    def is_up(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended:\n{self.log.read_text()[-3000:]}"
        try:
            return httpx2.get(f"{self.url}/livez").status_code == 200
        except httpx2.TransportError:
            return False

    @property
    def threads(self) -> int:
        assert self.process is not None
        return int(psutil.Process(self.process.pid).num_threads())

    def __enter__(self) -> WebProcess:
        return self.start()

    def __exit__(self, *error: Any) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
