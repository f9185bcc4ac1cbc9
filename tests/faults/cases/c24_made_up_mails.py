"""Case 24: mails made of what breaks mails are read back by another's parser, ten times as often.

No part of the system is broken here: the input is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.faults.case import Case, Row, Size
from tests.faults.lab import ROOT

MAILS = 20_000
TEST = "tests/engines/mail/test_letter.py::test_made_up_mails_are_read_back_as_they_were"
READ = re.compile(r"(\d+) passing(?: examples?)?, (\d+) failing")
SAID_CHARACTERS = 500


def run(size: Size) -> Iterator[Row]:
    """The test is the judge."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--hypothesis-show-statistics", TEST],
        cwd=ROOT, env={**os.environ, "MAILS": str(MAILS)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    counts = [(int(good), int(bad)) for good, bad in READ.findall(ran.stdout)]
    good, bad = (sum(numbers) for numbers in zip(*counts, strict=True)) if counts else (0, 0)
    said = Row(
        "made up", "subjects, names, file names, values and bodies by hypothesis and from lists",
        good + bad, bad, 0, 0, None, note=f"{good:,} mails read back as they were written",
        control_note="not tried",
    )  # fmt: skip
    if ran.returncode or good < MAILS:
        said.violations.append(f"{good} of {MAILS} were read back: {ran.stdout.strip()[-SAID_CHARACTERS:]}")
    yield said


CASE = Case(
    24,
    "20,000 made-up mails (what is counted is mails)",
    "an independent parser reads back what was put in, or it was refused",
    run,
    has_quick=False,
)
