"""A replaced child keeps nothing of its main's connections alive, and loses nothing else."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from django.contrib.auth.models import User

from jobs.lifecycle.submit import submit_job
from tests.waiting import eventually
from tests.workers.conftest import StartWorker
from tests.workers.test_work import ended


def ends_of(pid: int) -> set[tuple[object, object]]:
    """Both ends of each connection; the same pair in two processes is one connection."""
    return {(found.laddr, found.raddr) for found in psutil.Process(pid).net_connections()}


def test_a_replacement_shares_no_connection_with_its_main(start_worker: StartWorker, alice: User) -> None:
    worker = start_worker(slots=1)
    (first,) = worker.children
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: [pid for pid in worker.children if pid != first], 30, "another child")
    ended(submit_job("test.ok", {}, owner=alice).id)

    assert ends_of(worker.pid), "the main is connected"
    assert not ends_of(worker.pid) & ends_of(second[0])


MAIN = """
import json, os, socket, stat, sys
from workers.inherited import drop_connections

def listener(family, address):
    found = socket.socket(family)
    found.bind(address)
    found.listen()
    return found

def connected(family, address, kind=socket.SOCK_STREAM):
    found = socket.socket(family, kind)
    found.connect(address)
    return found

folder = sys.argv[1]
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(folder + "/log")
listens = listener(socket.AF_INET, ("127.0.0.1", 0))
database = listener(socket.AF_UNIX, folder + "/database")
full = listener(socket.AF_INET, ("127.0.0.1", 0))
full.listen(0)
waiting = []
for _ in range(4):  # the last ones find no room, and wait for an answer
    connecting = socket.socket()
    connecting.setblocking(False)
    connecting.connect_ex(full.getsockname())
    waiting.append(connecting)
kept = {
    "tcp": connected(socket.AF_INET, listens.getsockname()),
    "tcp that is connecting": waiting[-1],
    "unix to a server": connected(socket.AF_UNIX, folder + "/database"),
    "udp": connected(socket.AF_INET, ("127.0.0.1", 9), socket.SOCK_DGRAM),
    "system log": connected(socket.AF_UNIX, folder + "/log", socket.SOCK_DGRAM),
    "pair": socket.socketpair()[0],
    "listens": listens,
    "standard error": sys.stderr,
}
closed = connected(socket.AF_INET, listens.getsockname())
if os.fork() == 0:
    number = closed.fileno()
    closed.close()
    kept["the child's own"] = connected(socket.AF_INET, listens.getsockname())
    assert kept["the child's own"].fileno() == number, "it has the number of one that was inherited"
    drop_connections()
    print(json.dumps({name: stat.S_ISSOCK(os.fstat(one.fileno()).st_mode) for name, one in kept.items()}))
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """What a child has, by name, and whether it still leads where it led."""
    folder = tmp_path_factory.mktemp("inherited")
    with socket.socket(socket.AF_UNIX) as journal, socket.socket(socket.AF_UNIX) as standard_error:
        journal.bind(str(folder / "journal"))  # as under systemd
        journal.listen()
        standard_error.connect(str(folder / "journal"))
        ran = subprocess.run(
            [sys.executable, "-c", MAIN, str(folder)],
            stdout=subprocess.PIPE,
            stderr=standard_error.fileno(),
            cwd=Path(__file__).parent.parent.parent,
            timeout=30,
            check=True,
        )
    found: dict[str, bool] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("name", ["tcp", "tcp that is connecting", "unix to a server"])
def test_a_connection_to_a_server_is_given_up(kept: dict[str, bool], name: str) -> None:
    assert not kept[name]


@pytest.mark.parametrize("name", ["udp", "system log", "pair", "standard error", "the child's own"])
def test_what_shares_no_conversation_is_kept(kept: dict[str, bool], name: str) -> None:
    """A handler for logs or counts that was opened in the main once failed in every replaced child."""
    assert kept[name]
