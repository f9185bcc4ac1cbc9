"""Keep log files small: copy what is there aside, then begin anew.

The programs append, so they go on at the new beginning. A line written between copy and cut is lost.
"""

import os
import shutil
from pathlib import Path

LARGEST_BYTES = 10 * 1024 * 1024


def bound_logs(folder: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    for log in folder.glob("*.log"):
        if log.stat().st_size > largest_bytes:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
