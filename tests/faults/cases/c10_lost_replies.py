"""Case 10: mail servers and webhook receivers whose replies are lost."""

from __future__ import annotations

from tests.faults.case import Case, not_built

CASE = Case(
    10,
    "Lost replies and kills between us and a mail server or webhook receiver",
    "ledger and receiver agree; the undecidable are `uncertain`",
    run=not_built,
    has_quick=False,
    not_built="waits for the mail engine and for webhooks",
)
