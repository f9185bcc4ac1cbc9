"""Figures that are kept: a JSON file for each measure, from which the page and its plots are made."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Found, rounded

Kept = dict[str, Any]


def keep(found: Found, machine: dict[str, Any], folder: Path) -> None:
    """Write one measure's file anew."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        **asdict(found),
        "values": {name: [rounded(value) for value in values] for name, values in found.values.items()},
        "machine": machine,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
    }
    (folder / f"{found.measure}.json").write_text(json.dumps(whole, indent=1) + "\n")


def read(folder: Path) -> dict[str, Kept]:
    """Everything that is kept, by measure."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("[SE]*.json"))}
