"""Decide as whom PostgreSQL runs, because it refuses to run as root.

A plain user runs it as himself. Root runs it in a user namespace of its own, where root is called 1000:
nothing is created, nothing changes hands. Where the machine forbids user namespaces, it runs as uid 65534,
from a folder that uid can reach; see `places.py`.
"""

import os
import signal
import subprocess
import sys
from enum import StrEnum
from functools import cache
from pathlib import Path

from core.embedded.errors import EmbeddedError

LAUNCH = Path(__file__).with_name("launch.py")


class Account(StrEnum):
    SELF = "self"
    NAMESPACE = "namespace"
    NOBODY = "nobody"


@cache
def choose_account() -> Account:
    if os.geteuid() != 0:
        return Account.SELF
    for account in (Account.NAMESPACE, Account.NOBODY):
        if can_use(account):
            return account
    raise EmbeddedError(
        "PostgreSQL does not run as root, and this machine allows root neither a user namespace nor another "
        "uid: run the command as a plain user, or set DATABASE_URL to a PostgreSQL server."
    )


def can_use(account: Account) -> bool:
    trial = launch_command(["/bin/sh", "-c", ":"], account=account, death_signal=signal.SIGKILL)
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def launch_command(command: list[str], *, account: Account, death_signal: int) -> list[str]:
    """The same command, run as `account`, ended by `death_signal` when the calling process dies."""
    launch = [sys.executable, "-I", "-S", str(LAUNCH)]
    return [*launch, str(os.getpid()), str(int(death_signal)), account, *command]
