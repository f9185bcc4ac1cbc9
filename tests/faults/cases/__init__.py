"""The cases, by number: each file has a `CASE`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from tests.faults.case import Case


def all_cases() -> dict[int, Case]:
    """Number → case, in order."""
    files = sorted(file.stem for file in Path(__file__).parent.glob("c[0-9]*.py"))
    cases = [import_module(f"tests.faults.cases.{name}").CASE for name in files]
    return {case.number: case for case in sorted(cases, key=lambda case: case.number)}
