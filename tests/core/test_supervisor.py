"""The supervisor's promises: it starts again what dies, stops in order, and leaves no process behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.embedded.environment import PROJECT
from core.supervisor.leftovers import group_of
from tests.waiting import eventually


class Running:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.screen = folder / "screen"
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.core.tiny_system", str(folder), *options],
                stdout=screen,
                stderr=screen,
                cwd=PROJECT,
                env={**os.environ, "VAR_DIR": str(folder)},
            )

    def wait_until_it_runs(self) -> None:
        eventually(lambda: "Millrace runs." in self.said(), timeout=30, what="the system runs")

    def said(self) -> str:
        return self.screen.read_text()

    def children(self) -> dict[str, int]:
        """Who runs under it, by the name of the log each writes to."""
        noted = json.loads((self.folder / "run" / "processes.json").read_text())
        found = {}
        for pid in map(int, noted):
            # A process that is about to end, or to become another program, shows nothing.
            with suppress(OSError):
                found[Path(f"/proc/{pid}/fd/1").readlink().stem] = pid
        return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    supervisor = Running(tmp_path)
    supervisor.wait_until_it_runs()
    yield supervisor
    supervisor.process.kill()
    supervisor.process.wait()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_ctrl_c_stops_everything_in_order(running: Running) -> None:
    children = running.children()
    assert set(children) == {"redis", "mail", "web", "worker1", "beat", "flower"}

    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(20) == 0
    assert all(is_gone(pid) for pid in children.values())
    stopped = [line.split()[1] for line in running.said().splitlines() if line.strip().startswith("Stopping")]
    assert stopped == ["web", "beat", "flower", "worker1", "mail", "Redis"]


def test_a_stopping_worker_may_end_its_work(running: Running) -> None:
    running.process.send_signal(signal.SIGTERM)

    running.process.wait(20)
    assert "drained" in (running.folder / "log" / "worker1.log").read_text()


def test_a_killed_supervisor_leaves_no_process(running: Running) -> None:
    children = running.children()

    running.process.kill()

    eventually(lambda: all(is_gone(pid) for pid in children.values()), what="all children ended")


def test_a_killed_supervisor_leaves_not_even_a_worker_that_cannot_end(tmp_path: Path) -> None:
    supervisor = Running(tmp_path, "--stubborn")
    supervisor.wait_until_it_runs()
    worker = supervisor.children()["worker1"]
    assert len(group(worker)) == 2

    supervisor.process.kill()

    eventually(lambda: not group(worker), timeout=20, what="the worker and its child were ended")
    supervisor.process.wait()


def group(leader: int) -> list[Path]:
    return [process for process in Path("/proc").glob("[0-9]*") if group_of(process) == str(leader)]


@pytest.mark.parametrize("name", ["worker1", "redis", "web"])
def test_what_dies_is_started_again(running: Running, name: str) -> None:
    before = running.children()

    os.kill(before[name], signal.SIGKILL)

    after = eventually(
        lambda: running.children().get(name) not in (None, before[name]) and running.children()
    )
    assert {other: pid for other, pid in after.items() if other != name} == {
        other: pid for other, pid in before.items() if other != name
    }
    assert "ended (signal 9); again in 0.5 s." in running.said()


def test_a_second_supervisor_names_the_first(running: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "tests.core.tiny_system", str(running.folder)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )

    assert second.returncode == 1
    assert f"already runs in {running.folder} (process {running.process.pid})" in second.stderr
    assert running.process.poll() is None


def test_other_commands_learn_where_the_system_is_while_it_runs(running: Running) -> None:
    told = running.folder / "run" / "environment.json"
    assert json.loads(told.read_text())["FLOWER_AUTH"] == "a:b"
    assert told.stat().st_mode & 0o077 == 0

    running.process.send_signal(signal.SIGINT)

    running.process.wait(20)
    assert not told.exists()


def test_a_frozen_child_is_no_obstacle_to_stopping(running: Running) -> None:
    os.kill(running.children()["worker1"], signal.SIGSTOP)

    running.process.send_signal(signal.SIGTERM)

    assert running.process.wait(20) == 0


def test_a_stop_says_what_it_waits_for_and_a_second_ctrl_c_hands_back(tmp_path: Path) -> None:
    supervisor = Running(tmp_path, "--busy")
    supervisor.wait_until_it_runs()

    supervisor.process.send_signal(signal.SIGINT)
    eventually(
        lambda: "Running jobs may end, for 45 s" in supervisor.said(), what="it says what it waits for"
    )
    supervisor.process.send_signal(signal.SIGINT)

    assert supervisor.process.wait(20) == 0
    assert "Handing running jobs back" in supervisor.said()
    assert "handed back" in (tmp_path / "log" / "worker1.log").read_text()
    assert supervisor.said().splitlines()[-1] == "Millrace has stopped."


def test_a_third_ctrl_c_ends_what_hands_nothing_back(tmp_path: Path) -> None:
    supervisor = Running(tmp_path, "--stubborn")
    supervisor.wait_until_it_runs()
    worker = supervisor.children()["worker1"]

    supervisor.process.send_signal(signal.SIGINT)
    eventually(lambda: "Running jobs may end" in supervisor.said(), what="it waits")
    os.kill(worker, signal.SIGSTOP)  # nobody there who could hand back
    supervisor.process.send_signal(signal.SIGINT)
    eventually(lambda: "Handing running jobs back" in supervisor.said(), what="it hands back")
    supervisor.process.send_signal(signal.SIGINT)

    assert supervisor.process.wait(20) == 0
    assert not group(worker)


def test_it_stops_on_ctrl_c_even_if_its_shell_had_that_ignored(tmp_path: Path) -> None:
    # A shell without a terminal starts what it puts into the background so.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor = Running(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    supervisor.wait_until_it_runs()

    supervisor.process.send_signal(signal.SIGINT)

    assert supervisor.process.wait(20) == 0


def test_nohup_keeps_it_running_when_the_terminal_goes(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        supervisor = Running(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    supervisor.wait_until_it_runs()

    status = Path(f"/proc/{supervisor.process.pid}/status").read_text()
    ignored = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn"))
    supervisor.process.terminate()
    supervisor.process.wait(20)

    assert ignored & 1 << (signal.SIGHUP - 1)
