"""A process that outlives a killed supervisor and ends what does not end by itself.

The kernel tells every child of a killed supervisor to stop. A worker may not manage: the servers stop as
well, and it goes on trying to record its last job, which is found by its lease and run again later.
"""

import subprocess
import sys
from pathlib import Path

from core.embedded.environment import PROJECT
from core.supervisor import leftovers

PATIENCE_SECONDS = 10


class Heir:
    """Waits at the end of a pipe that only the supervisor holds open."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "core.supervisor.heir", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=PROJECT, start_new_session=True)

    def dismiss(self) -> None:
        """Everybody has ended in order; there is nothing to inherit."""
        self.process.communicate()


def main(folder: Path) -> None:
    sys.stdin.buffer.read()
    leftovers.clear(folder, patience_seconds=PATIENCE_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
