"""What a result was measured on: the commit, whether anything was changed in the tree, judge and case."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
JUDGING = ("judge.py", "honesty.py", "recovery.py", "times.py", "lab.py")
"""What every verdict stands on: when one of these changes, every result is of another suite."""
JUDGING_MAIL = ("mail.py", "mail_judge.py", "mail_sink.py")
ALSO = {"22": JUDGING_MAIL, "23": JUDGING_MAIL}
"""What the verdict about one case stands on as well."""
RESULTS = ("docs/reliability.md", "docs/reliability.json")
"""Written by the run itself."""


def stamp(name: str) -> dict[str, Any]:
    """For a result that is about to be measured: a case's number, or `soak`."""
    return tree() | {"source": fingerprint(name)}


def tree() -> dict[str, Any]:
    """What is checked out, and whether anything differs from it."""
    return {"commit": commit(), "is_dirty": is_dirty()}


def fingerprint(name: str) -> str:
    """Of the files whose change makes a result one of another case."""
    own = [HERE / "soak.py"] if name == "soak" else list((HERE / "cases").glob(f"c{int(name):02}_*.py"))
    found = hashlib.sha256()
    for file in (*own, *(HERE / judging for judging in (*JUDGING, *ALSO.get(name, ())))):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def stale(memory: dict[str, Any]) -> list[str]:
    """Results that are older than their case or than the judge; and what measures them anew."""
    names = [name for name in memory if name.isdigit() or name == "soak"]
    old = [name for name in names if memory[name].get("source") != fingerprint(name)]
    cases = sorted(int(name) for name in old if name.isdigit())
    said = [f"make faults CASE={','.join(map(str, cases))}"] if cases else []
    return said + ["make soak"] * ("soak" in old)


def told(found: dict[str, Any]) -> str:
    """On what it was measured, for the page."""
    if not found.get("commit"):
        return "on a tree that nobody noted"
    return f"at {found['commit']}" + (", with changes that are in no commit" if found["is_dirty"] else "")


def commit() -> str:
    """The short name of what is checked out; '' where there is no git."""
    return git("rev-parse", "--short", "HEAD").strip()


def is_dirty() -> bool:
    """Whether anything but the results differs from it."""
    return bool(git("status", "--porcelain", "--", ".", *(f":!{path}" for path in RESULTS)).strip())


def git(*words: str) -> str:
    try:
        ran = subprocess.run(
            ["git", *words], cwd=HERE.parent.parent, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return ran.stdout if ran.returncode == 0 else ""
