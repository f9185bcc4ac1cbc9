"""The peers' own environment: a venv of the same Python under `var/bench`, made by uv from the pins, once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.peers.peer import PINS
from core.embedded.environment import folder

VENV = folder() / "bench" / "peers"
UV = (sys.executable, "-m", "uv", "--quiet")


def interpreter() -> Path:
    """The Python that has the peers installed; made if it is not there yet."""
    stamp, wanted = VENV / "bench.stamp", fingerprint()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("  installing the peers …", file=sys.stderr, flush=True)
        install()
        stamp.write_text(wanted)
    return VENV / "bin" / "python"


def fingerprint() -> str:
    """Names the Python and the pins; a venv serves no other."""
    return f"{sys.version} {hashlib.sha256(PINS.read_bytes()).hexdigest()}"


def install() -> None:
    """Bytecode too, so that a first start is not slower than the next."""
    VENV.parent.mkdir(parents=True, exist_ok=True)
    python = str(VENV / "bin" / "python")
    commands = (
        (*UV, "venv", "--clear", "--python", sys.executable, str(VENV)),
        (*UV, "pip", "install", "--python", python, "--compile-bytecode", "-r", str(PINS)),
    )
    for command in commands:
        subprocess.run(command, check=True)
