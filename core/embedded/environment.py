"""What the running embedded system tells other commands: addresses and secrets, in one private file.

The supervisor writes it when the servers are up and removes it when it stops. `core/settings.py` reads it
for the variables that the real environment does not set. Only the standard library, no Django.
"""

import json
import os
from pathlib import Path

from core.embedded.whole import write_whole

PROJECT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Where the embedded system keeps everything it makes: VAR_DIR, or `var` in the project."""
    return Path(os.environ.get("VAR_DIR") or PROJECT / "var").absolute()


def read() -> dict[str, str]:
    """The running system's variables; none if it does not run, or belongs to somebody else."""
    try:
        return {str(name): str(value) for name, value in json.loads(path().read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def write(variables: dict[str, str]) -> None:
    """Only we may read it, for it holds passwords."""
    write_whole(path(), json.dumps(variables, indent=1) + "\n")


def forget() -> None:
    path().unlink(missing_ok=True)


def path() -> Path:
    return folder() / "run" / "environment.json"
