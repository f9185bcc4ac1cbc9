"""Children share the memory of their main as long as nobody writes to it."""

from pathlib import Path

import pytest

from tests.workers.conftest import StartWorker

SHARED = 0.75
"""Seven eighths are; where a child's collector marks what it inherited, less than a half."""


def test_a_child_shares_what_its_main_had_loaded(start_worker: StartWorker) -> None:
    worker = start_worker(slots=2)

    child = memory_of(worker.children[0])

    if not child:
        pytest.skip("this kernel does not say what a process shares")
    assert 1 - child["Private_Dirty"] / child["Rss"] > SHARED


def memory_of(pid: int) -> dict[str, int]:
    """Kilobytes by the kernel's name for them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) for line in lines if (words := line.split())}
