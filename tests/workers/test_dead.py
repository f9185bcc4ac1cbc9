"""A dead child is replaced at once, also where nobody told the pool."""

import subprocess
from types import SimpleNamespace

from workers.dead import DeadChildren, any_dead


def ended() -> subprocess.Popen[bytes]:
    """A child that has ended and that nobody collected."""
    child = subprocess.Popen(["true"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    return child


def test_a_child_that_ended_is_seen_and_not_collected() -> None:
    with ended() as child:
        while not any_dead([child.pid]):
            pass  # its last pipe closes a moment before it ends
        assert any_dead([child.pid]), "still there for the pool"
    assert not any_dead([child.pid]), "collected by its owner"


def test_a_living_child_is_not_dead() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert not any_dead([child.pid])


def test_the_pool_is_asked_to_look_in_its_own_loop() -> None:
    asked: list[object] = []
    with ended() as child:
        pool = SimpleNamespace(_pool=[child], maintain_pool=lambda: None)
        dead = DeadChildren(pool, SimpleNamespace(call_soon=asked.append))
        while not asked:
            dead.look()
    assert asked[0] is pool.maintain_pool
