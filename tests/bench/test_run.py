"""One small measure, from its servers to its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.processes import begin_peak, cpu_seconds, family, memory, peak

ROOT = Path(__file__).parent.parent.parent
ADDRESSES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "EXTRA_APPS")


def measured(only: str, *more: str) -> list[dict[str, Any]]:
    """The lines of a quick run."""
    environment = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", only, "--quick", *more],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_quick_measure_prints_its_line_and_keeps_nothing() -> None:
    before = sorted((ROOT / "bench" / "results").iterdir())

    [line] = measured("S3")

    assert line["measure"] == "S3" and line["value"] > 0 and line["rounds"] == 1
    assert sorted((ROOT / "bench" / "results").iterdir()) == before


def test_all_of_mail_can_be_measured_in_small() -> None:
    lines = measured("email", "--jobs", "200")

    assert [line["measure"] for line in lines] == [
        "E1", "E2", "E2 Ed25519", "E3", "E4", "E5 API", "E5 API memory", "E5 form", "E5 form memory",
    ]  # fmt: skip
    assert all(line["value"] is not None for line in lines)


def test_a_process_is_measured_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert {os.getpid(), child.pid} <= set(family(os.getpid()))
        assert memory(child.pid).pss >= 0
        child.communicate(b"\n")

    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(child.pid) == 0


def test_a_peak_is_seen_although_nobody_looked_when_it_was_there() -> None:
    program = "for _ in range(2): input(); b'x' * 40_000_000; print(flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        before = begin_peak(child.pid)
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()

        assert 30 < peak(child.pid) - before < 80
        assert begin_peak(child.pid) - before < 20
        child.communicate(b"\n")
