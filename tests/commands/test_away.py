"""What a command says when Millrace is not there, as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.text import MANAGE

PROJECT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["jobs"], ["cancel", "01a203b8-7ce7-76b5-ae55-681e1a85674e"]])
def test_without_a_database_it_says_how_to_start_it(arguments: list[str]) -> None:
    ran = manage(*arguments, DATABASE_URL="postgres://postgres@127.0.0.1:9/none")

    assert ran.returncode == 4
    assert ran.stderr.strip().endswith(
        "Millrace is not running: start it with `make up`, or set DATABASE_URL."
    )
    assert "Traceback" not in ran.stderr


def test_without_its_tables_it_says_what_to_run() -> None:
    ran = manage("jobs")  # the suite's own tables are in another database

    assert ran.returncode == 4
    assert f"run `{MANAGE} prepare`" in ran.stderr


def test_help_needs_no_database() -> None:
    ran = manage("submit", "--help", DATABASE_URL="postgres://postgres@127.0.0.1:9/none")

    assert ran.returncode == 0
