"""One supervisor for one folder: the kernel holds the lock, and drops it when we die."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from core.embedded.errors import EmbeddedError


def hold_lock(folder: Path) -> TextIO:
    """The open file that is the lock; keep it. Refuses if another supervisor has it, naming its process."""
    path = folder / "run" / "supervisor.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise EmbeddedError(
            f"Millrace already runs in {folder} (process {holder}): stop it with Ctrl-C in its terminal, "
            f"or with `kill {holder}`."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
