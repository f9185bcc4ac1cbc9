"""One small measure, from its servers to its line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.processes import cpu_seconds, family, memory

ROOT = Path(__file__).parent.parent.parent
ADDRESSES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "EXTRA_APPS")


def test_a_quick_measure_prints_its_line_and_keeps_nothing() -> None:
    before = sorted((ROOT / "bench" / "results").iterdir())
    environment = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "S3", "--quick"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["measure"] == "S3" and line["value"] > 0 and line["rounds"] == 1
    assert sorted((ROOT / "bench" / "results").iterdir()) == before


def test_a_process_is_measured_with_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert {os.getpid(), child.pid} <= set(family(os.getpid()))
        assert memory(child.pid).pss >= 0
        child.communicate(b"\n")

    assert cpu_seconds(os.getpid()) > 0
    assert cpu_seconds(child.pid) == 0
