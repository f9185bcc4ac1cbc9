"""Write small files whole or not at all."""

import os
from pathlib import Path

PRIVATE = 0o600


def write_whole(path: Path, text: str) -> None:
    """Whoever reads it sees the old text or the new; only we may. The folder is made if it is missing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.touch(mode=PRIVATE)
    unfinished.write_text(text)
    unfinished.replace(path)
