"""The reference names every area and every finding, and no others."""

import ast
import re
from pathlib import Path

from jobs import doctor
from jobs.doctor.probes import all_probes
from workers import doctor as mail

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "doctor.md").read_text()
MADE_UP = {"times.E001", "times.E004", "times.task_time_limit", "times.task_soft_time_limit"}
MADE_UP |= {f"database.{name}" for name in ("fsync", "full_page_writes", "synchronous_commit")}
MAKERS = {"problem", "warning", "unknown", "make"}


def test_every_area_and_every_finding_has_its_place() -> None:
    part = PAGE.partition("## What it looks at")[2].partition("## For machines")[0]
    table = "\n".join(line for line in part.splitlines() if line.startswith("|"))
    used = set(MADE_UP)
    for path in (*Path(doctor.__file__).parent.glob("*.py"), Path(mail.__file__)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS and node.args:
                used |= {
                    part.value
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and re.fullmatch(r"[a-z]+\.[a-z_]+", str(part.value))
                }

    areas = re.findall(r"^\| `([a-z]+)` \|", table, re.MULTILINE)
    findings = set(re.findall(r"`([a-z]+\.[A-Za-z_0-9]+)`", table))

    assert sorted(areas) == sorted(probe.name for probe in all_probes())
    assert findings - {"configuration.ID"} == used
