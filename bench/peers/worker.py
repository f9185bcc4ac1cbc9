"""A peer's worker, under the Python of the peers."""

from __future__ import annotations

from pathlib import Path

from bench.peers.environment import interpreter
from bench.peers.peer import Peer
from core.supervisor.programs import Program


class PeerWorker(Program):
    """One of the processes that a peer is started as."""

    stop_seconds = 5.0

    def __init__(self, peer: Peer, logs: Path, variables: dict[str, str], number: int) -> None:
        arguments = (part.replace("{broker}", variables["BROKER_URL"]) for part in peer.arguments)
        super().__init__(f"{peer.name}{number}", logs, variables, *arguments)
        self.peer = peer

    def arguments(self) -> list[str]:
        return [str(interpreter()), *self.python_arguments]

    def is_ready(self) -> bool:
        return self.is_alive and self.peer.is_ready(self.log.read_text(errors="replace"))
