"""Nothing is lost and nothing ends twice: the quick form of every fault case that has one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cases import all_cases

ROOT = Path(__file__).parent.parent.parent
QUICK = [number for number, case in all_cases().items() if case.has_quick]


@pytest.mark.parametrize("number", QUICK)
def test_the_judge_finds_nothing(number: int) -> None:
    """In a process of its own, with servers of its own: a case breaks what other tests stand on."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--case", str(number), "--quick", "--no-report"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " ok " in ran.stdout
