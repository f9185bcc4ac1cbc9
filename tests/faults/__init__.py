"""The fault suite: a load, a fault, a full drain, and a judge over a complete account.

`make faults` runs every case and writes docs/reliability.md; `make faults CASE=1,2` runs some. Each case is
a file in `cases/`, run in a process of its own with servers of its own. It waits for facts, never for time.
"""
