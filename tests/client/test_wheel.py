"""The client as others get it: a wheel, in an environment that knows nothing of this house."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import httpx2
import pytest

from jobs.models import Job
from tests.web_process import WebProcess
from tests.worker_process import ROOT

UV = shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
SUBMIT = """
import importlib.metadata, sys
from pathlib import Path
import millrace_client
from millrace_client import Client, JobState, asks

assert Path(millrace_client.__file__).is_relative_to(sys.prefix), millrace_client.__file__
assert (Path(millrace_client.__file__).parent / "py.typed").exists()
version = importlib.metadata.version("millrace-client")
assert asks.address_of("http://x", "y")[1]["User-Agent"] == f"millrace-client/{version}"
with Client() as millrace:
    job = millrace.submit("test.ok", {})
    assert job.state is JobState.QUEUED
    print(job.id)
"""


def run(*command: str | Path, **environment: str) -> str:
    """What it printed; its errors are the test's."""
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "UV_OFFLINE": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Of a fresh environment that has the wheel, and sees the one library it needs beside ours."""
    if UV is None:
        pytest.skip("uv is missing: it builds the wheel without a network.")
    cache = str(tmp_path / "cache")
    source = shutil.copytree(ROOT / "client", tmp_path / "client")
    run(UV, "build", "--wheel", "--out-dir", tmp_path, source, UV_CACHE_DIR=cache)
    [wheel] = tmp_path.glob("millrace_client-*.whl")
    run(UV, "venv", "--python", sys.executable, tmp_path / "venv", UV_CACHE_DIR=cache)
    python = tmp_path / "venv/bin/python"
    run(UV, "pip", "install", "--python", python, "--no-deps", wheel, UV_CACHE_DIR=cache)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    assert httpx2.__file__.startswith(sysconfig.get_path("purelib"))
    (Path(site) / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.mark.django_db(transaction=True)
def test_the_wheel_submits_from_a_fresh_environment(python: Path, web: WebProcess, token: str) -> None:
    id = run(python, "-I", "-c", SUBMIT, MILLRACE_URL=web.url, MILLRACE_TOKEN=token)

    assert str(Job.objects.get().id) == id
