"""A fork waits until no thread of ours is in mid-step."""

import os
import threading

from workers.fork_gate import FORK_GATE


def test_a_fork_waits_for_the_step_at_hand() -> None:
    inside, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def step() -> None:
        with FORK_GATE:
            inside.set()
            leave.wait(10)
            order.append("step")

    thread = threading.Thread(target=step)
    thread.start()
    inside.wait(10)
    threading.Timer(0.1, leave.set).start()

    FORK_GATE.before_fork()
    order.append("fork")
    FORK_GATE.after_in_parent()

    thread.join(10)
    assert order == ["step", "fork"]


def test_a_child_begins_with_an_open_gate() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with FORK_GATE:
            os.write(write, b"open")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 4) == b"open"
    os.close(read)
    os.close(write)
