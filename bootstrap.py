"""Make `.venv` hold what Millrace needs: `python bootstrap.py [--dev]`. Quick when nothing changed.

Only the standard library, because it runs before anything is installed. The stamp in `.venv` names what is
installed and is written last, so an interrupted set-up is simply done again; a lock on the project folder
makes a second one wait. Nothing outside the project folder is touched, and caches are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
VENV = PROJECT / ".venv"
OLDEST = (3, 11)
UV = "uv>=0.8,<1"
REQUIREMENTS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
MISLEADING = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")


class SetupError(Exception):
    """One sentence for the person at the terminal: what is wrong, and how to mend it."""


def main(arguments: Sequence[str]) -> int:
    what = "dev" if "--dev" in arguments else "run"
    try:
        demand_python()
        if not is_done(what):
            with_lock(lambda: is_done(what) or set_up(what))
    except SetupError as error:
        say(f"millrace: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nmillrace: interrupted; run the same command again, and it is finished.")
        return 130
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def demand_python() -> None:
    if sys.version_info < OLDEST:
        raise SetupError(
            f"{sys.executable} is Python {sys.version.split()[0]}, and Millrace needs 3.11 or newer: install "
            "one and name it with PYTHON=…, for example `make up PYTHON=python3.12`."
        )


# -- What is there already -------------------------------------------------------------------------


def is_done(what: str) -> bool:
    """The larger set holds the smaller one."""
    return any(read(stamp_path(each)) == stamp(each) for each in {what, "dev"})


def stamp_path(what: str) -> Path:
    return VENV / f"millrace-{what}.stamp"


def stamp(what: str) -> str:
    """Names the Python, the place and the wanted packages; a venv serves no other."""
    files = REQUIREMENTS.values() if what == "dev" else [REQUIREMENTS[what]]
    wanted = "".join(read(PROJECT / name) for name in files)
    python = f"{base_python().resolve()} {sys.version.split()[0]}"
    return f"{VENV}\n{python}\n{hashlib.sha256(wanted.encode()).hexdigest()}\n"


def base_python() -> Path:
    """The Python that venvs are made from, also when we run inside one."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable)


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def is_ours(venv: Path) -> bool:
    """Whether this venv is whole, in its place, and made by the Python that runs us."""
    question = "import sys, pip; print(sys.prefix, sys.version.split()[0], sys._base_executable, sep='\\n')"
    try:
        answer = subprocess.run(
            [venv / "bin" / "python", "-I", "-c", question],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        return False
    is_same_python = Path(answer[2]).resolve() == base_python().resolve()
    return answer[:2] == [str(venv), sys.version.split()[0]] and is_same_python


# -- Making it -------------------------------------------------------------------------------------


def with_lock(work: Callable[[], object]) -> None:
    folder = os.open(PROJECT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another set-up is at work in this folder; waiting for it.")
            fcntl.flock(folder, fcntl.LOCK_EX)
        work()
    finally:
        os.close(folder)


def set_up(what: str) -> None:
    began = time.monotonic()
    for each in REQUIREMENTS:
        stamp_path(each).unlink(missing_ok=True)
    if not is_ours(VENV):
        make_venv()
    install(PROJECT / REQUIREMENTS[what])
    shutil.rmtree(VENV / "cache", ignore_errors=True)
    stamp_path(what).write_text(stamp(what), encoding="utf-8")
    took = time.monotonic() - began
    say(f"Set up in {took:.0f} s: Python {sys.version.split()[0]} and its packages, in .venv.")


def make_venv() -> None:
    try:
        import ensurepip  # noqa: F401 (Debian leaves it out of python3)
        import venv  # noqa: F401
    except ImportError:
        version = "{}.{}".format(*sys.version_info[:2])
        raise SetupError(
            f"Python {version} here cannot make virtual environments (it lacks ensurepip): install that part "
            f"(Debian and Ubuntu: apt-get install python{version}-venv), or name another Python with PYTHON=."
        ) from None
    if not os.access(PROJECT, os.W_OK):
        raise SetupError(f"{PROJECT} is not yours to write to: clone Millrace into a folder of your own.")
    run("making .venv", [base_python(), "-m", "venv", "--clear", VENV], log=None)


def install(requirements: Path) -> None:
    """uv takes a tenth of pip's time; pip knows the index that only its own configuration names."""
    python, log = VENV / "bin" / "python", VENV / "install.log"
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries=2"]
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--compile-bytecode"]
    try:
        run("installing uv", [*pip, UV], log)
        run(f"installing {requirements.name}", [*uv, "-r", requirements], log)
    except SetupError as first:
        say(f"  uv cannot do it here; pip will, more slowly. ({first})")
        try:
            run(f"installing {requirements.name} with pip", [*pip, "-r", requirements], log)
        except SetupError as error:
            raise SetupError(
                f"The packages cannot be installed ({error}): check the network, or point pip at an index "
                f"that has them (`pip config set global.index-url …`). All that was tried is in {log}."
            ) from None


def run(what: str, command: Sequence[str | Path], log: Path | None) -> None:
    """Run to the end, showing how long it takes; SetupError with the last words if it fails."""
    began = time.monotonic()
    with log.open("ab+") if log else tempfile.TemporaryFile(dir=PROJECT) as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment(), cwd=PROJECT
        )
        try:
            while process.poll() is None:
                show(f"  {what} … {time.monotonic() - began:.0f} s")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
        except KeyboardInterrupt:
            process.kill()
            process.wait()
            raise
        finally:
            show("")
        if process.returncode:
            output.seek(0)
            last = output.read().decode(errors="replace").strip().split("\n")[-1].strip()
            raise SetupError(f"{what}: {last or f'exit code {process.returncode}'}")
    say(f"  {what}: {time.monotonic() - began:.0f} s")


def show(text: str) -> None:
    """One line that is written over; without a terminal nobody watches it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """The caller's, less what would lead pip astray; caches inside the project."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    cache = VENV / "cache"
    return {**kept, "PIP_USER": "0", "PIP_CACHE_DIR": str(cache / "pip"), "UV_CACHE_DIR": str(cache / "uv")}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
