"""Servers die with whoever started them.

The fault: kill -9 of the parent, at any line after the servers were started.
"""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.embedded import places
from core.embedded.account import Account
from tests.core.test_embedded_postgres import ACCOUNTS
from tests.waiting import eventually

PARENT = """
import signal, sys
from pathlib import Path
from core.embedded import places
from core.embedded.account import Account
from core.embedded.postgres import Postgres
from core.embedded.redis import Redis

folder = Path(sys.argv[1])
postgres = Postgres(folder / "postgres", account=Account(sys.argv[2]), is_durable=False).start()
redis = Redis(folder / "redis").start()
print(postgres.pid, redis.pid, postgres.data, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_killed_parent_takes_its_servers_along_cleanly(tmp_path: Path, account: Account) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), account]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        postgres, redis, data = parent.stdout.readline().split()

        parent.send_signal(signal.SIGKILL)

        eventually(lambda: is_gone(postgres) and is_gone(redis), what="both servers ended by themselves")
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()
    assert "ready to exit" in (tmp_path / "redis.log").read_text()
    assert not Path(data, "postmaster.pid").exists()
    assert Path(data).is_dir()
    places.discard(tmp_path / "postgres")


def is_gone(pid: str) -> bool:
    """A zombie has ended; nobody may have fetched its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
